#!/usr/bin/env bash
# Measures Striatum on a GPU, all of it by one command on a machine that has nothing but a driver:
#
#     scripts/measure_gpu.sh target/release/striatum [FOLDER]
#
# It writes one folder (gpu-DATE if none is named): machine and driver, the adapters, `striatum bench` on the GPU and on the CPU,
# whole runs of PPO of CartPole-v1 with 4096 environments x 128 steps, 64 agents of 512 environments beside one of 32768, and rejax on
# the same GPU if PYTHON (python3) has it and a JAX for this GPU. report.md sums up. A step that fails is noted there, and the next one
# follows; the exit code is then 1.
#
# GPU=gpu:1 chooses another adapter. SMALL=1 runs everything at a tiny size, on a software adapter too, to try the script itself.
set -uo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ ! -x "$1" ]; then
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
binary="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
gpu="${GPU:-gpu}"
small="${SMALL:-}"
python="${PYTHON:-python3}"
scripts="$(cd "$(dirname "$0")" && pwd)"
stamp="$(date -u +%Y-%m-%dT%H%M%SZ)"
out="${2:-gpu-$stamp}"
mkdir -p "$out" || exit 2
report="$out/report.md"
failed=0

say() { printf '%s\n' "$*" | tee -a "$report"; }
# quotient A B DIGITS
quotient() { awk -v a="$1" -v b="$2" -v digits="$3" 'BEGIN { if (b > 0) printf "%.*f", digits, a / b; else print "-" }'; }
now() { date +%s.%N; }
seconds_since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }

# step NAME COMMAND...: stdout to NAME.txt, stderr to NAME.log, a line in the report; the seconds are left in $seconds.
step() {
    local name="$1" begun code
    shift
    printf '%s ...\n' "$name" >&2
    begun="$(now)"
    timeout 1200 "$@" >"$out/$name.txt" 2>"$out/$name.log"
    code=$?
    seconds="$(seconds_since "$begun")"
    if [ "$code" -ne 0 ]; then
        failed=1
        say "- \`$name\` failed with exit code $code after $seconds s: $(grep '^error' "$out/$name.log" | tail -n 1)"
    fi
    return "$code"
}

# ppo NAME ENVS MINIBATCHES ITERATIONS FLAGS...: trains with rollouts of 128 steps and 4 epochs.
ppo() {
    local name="$1" envs="$2" minibatches="$3" iterations="$4"
    shift 4
    rm -rf "$out/runs/$name"
    step "$name" "$binary" train CartPole-v1 --device "$gpu" --quiet --json --out "$out/runs/$name" \
        --num-envs "$envs" --total-steps $((envs * steps * iterations)) --set ppo.num_steps="$steps" \
        --set ppo.minibatches="$minibatches" --set ppo.epochs=4 --set ppo.learning_rate=2.5e-4 \
        --set eval.interval=0 --set eval.episodes=1 --set run.checkpoint_interval=0 --set run.log_interval=1000000000 "$@"
}

if [ -n "$small" ]; then
    steps=8 one=64 fleet_envs=8 fleet=4 iterations=2 seconds_wanted=1 quick=--quick
else
    steps=128 one=4096 fleet_envs=512 fleet=64 iterations=20 seconds_wanted=20 quick=
fi

: >"$report"
{
    date -u
    uname -srm
    "$binary" --version
    grep -m 1 'model name' /proc/cpuinfo 2>/dev/null
    nproc 2>/dev/null
    nvidia-smi 2>/dev/null
    vulkaninfo --summary 2>/dev/null
} >"$out/machine.txt"
step devices "$binary" devices
step devices-json "$binary" devices --json
if [ -z "$small" ] && ! grep -q '"is_software": false' "$out/devices-json.txt"; then
    say "There is no GPU that Vulkan, Metal or DirectX 12 shows. On Linux it takes libvulkan.so.1 and the driver's Vulkan part"
    say "(in a container of NVIDIA's: NVIDIA_DRIVER_CAPABILITIES=all). See $out/devices.txt."
    exit 1
fi

say "# $("$binary" --version) on a GPU, $stamp"
say ""
sed -n 's/^/    /p' "$out/devices.txt" | tee -a "$report"
say ""
if step bench-gpu "$binary" bench --device "$gpu" $quick; then
    sed -n 's/^/    /p' "$out/bench-gpu.txt" >>"$report"
    say ""
    say "What is wanted of a large GPU: 50 million steps/s at 4096x128, 64 agents of 512 environments within 1.3 times one of 32768, at"
    say "most 60 launches beside those of the minibatches, and TD errors and GAE at 80 % of a copy. Found:"
    say ""
    grep -E '^(KERNEL +SHAPE|(td_error \+ )?gae +\[|PPO ITERATION|4096x128.* 64-64|32768x128|64 x 512x128)' "$out/bench-gpu.txt" |
        sed 's/^/    /' | tee -a "$report"
    say ""
fi
step bench-gpu-json "$binary" bench --device "$gpu" --json $quick
step bench-cpu "$binary" bench --device cpu $quick
say ""

# A short run first, for the size of one that takes long enough.
if ppo probe "$one" 4 2; then
    probe="$seconds"
    if ppo probe-longer "$one" 4 6; then
        each="$(awk -v a="$probe" -v b="$seconds" 'BEGIN { d = (b - a) / 4; print (d > 0.0001 ? d : 0.0001) }')"
        many="$(awk -v wanted="$seconds_wanted" -v each="$each" 'BEGIN { n = int(wanted / each); print (n < 4 ? 4 : n > 5000 ? 5000 : n) }')"
        if ppo one-agent "$one" 4 "$many"; then
            total=$((one * steps * many))
            say "- PPO CartPole-v1, $one x $steps, 4 epochs x 4 minibatches: $(quotient "$total" "$seconds" 0) steps/s ($total steps in $seconds s, the process from start to end)"
        fi
    fi
fi
if ppo wide-agent $((fleet * fleet_envs)) 4 "$iterations"; then
    wide="$seconds"
    if ppo fleet "$fleet_envs" 4 "$iterations" --seeds "$fleet"; then
        say "- $fleet agents of $fleet_envs environments: $seconds s; one agent of $((fleet * fleet_envs)): $wide s; times $(quotient "$seconds" "$wide" 2)"
    fi
fi
rm -rf "$out/runs"
if [ -z "$small" ] && "$python" -c 'import jax, rejax; assert jax.default_backend() != "cpu"' 2>/dev/null; then
    step peers "$python" "$scripts/compare_peers.py" --binary "$binary" --device "$gpu" && { say ""; tee -a "$report" <"$out/peers.txt"; }
else
    say "- rejax was left out: $python has no rejax, or no JAX that finds this GPU"
fi
say ""
say "Machine and driver: machine.txt and devices-json.txt in the same folder."
printf 'wrote %s\n' "$out" >&2
exit "$failed"
