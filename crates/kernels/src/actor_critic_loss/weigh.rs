//! A block's rows through the loss, in vectors.

use super::Loss;
use super::block::Block;
use super::terms::LOG_RATIO_LIMIT;
use crate::distribution::Categorical;
use crate::elementary::exp;
use crate::lanes::{LANES, get, put};
use crate::mlp::{Job, Simd};
use crate::records::{ADVANTAGES, AgentRecords, INVERSE_TEMPERATURE, LOG_PROB, MASK, TONE};
use crate::{Heads, Objective, PATHWAY_SCALE};

/// At most [`LANES`] rows of a tile.
pub(super) struct Weigh<'a> {
    pub loss: &'a mut Loss<Categorical>,
    pub block: &'a mut Block,
    pub heads: Heads,
    pub records: AgentRecords<'a>,
    pub rows: &'a [u32],
    /// Of these rows.
    pub outputs: &'a [f32],
}

impl Job for Weigh<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(mut self) {
        let offsets = self.offsets();
        for at in (0..LANES).step_by(S::LANES) {
            // SAFETY: by the caller's contract.
            unsafe {
                self.take_up::<S>(at, &offsets);
                self.rows::<S>(at);
            }
        }
    }
}

/// Where every lane's record and its row of outputs begin. Lanes without a row take those of the first one.
struct Offsets {
    records: [i32; LANES],
    outputs: [i32; LANES],
}

/// What `PolicyTerm` is of one row.
struct Term<V> {
    loss: V,
    slope: V,
    ratio: V,
    log_ratio: V,
}

/// All need what [`Simd`] needs; `at` is the first lane of a vector.
impl Weigh<'_> {
    #[inline(always)]
    fn offsets(&self) -> Offsets {
        let width = self.loss.columns.width;
        assert!(self.outputs.len() == self.rows.len() * width, "outputs of {} rows", self.rows.len());
        let mut offsets = Offsets { records: [self.records.offset(self.rows[0]); LANES], outputs: [0; LANES] };
        for (lane, &row) in self.rows.iter().enumerate().take(LANES) {
            (offsets.records[lane], offsets.outputs[lane]) = (self.records.offset(row), (lane * width) as i32);
        }
        offsets
    }

    /// Takes up records and outputs.
    #[inline(always)]
    unsafe fn take_up<S: Simd>(&mut self, at: usize, offsets: &Offsets) {
        let (layout, heads) = (self.records.layout, self.heads);
        let policy = if heads.has_policy() { LOG_PROB..layout.returns() } else { 0..0 };
        let values = if heads.has_values() { layout.returns()..layout.len() } else { 0..0 };
        // SAFETY: by the caller's contract; records and rows of outputs are as long as their lines are many.
        unsafe {
            let record = |line: usize| S::gather(self.records.start().add(line), offsets.records[at..].as_ptr());
            for line in policy.chain(values) {
                put::<S>(&mut self.block.records, line, at, record(line));
            }
            let live = S::below(S::splat(0.0), record(MASK), S::splat(1.0), S::splat(0.0));
            put::<S>(&mut self.block.live, 0, at, live);
            for column in self.loss.columns_of(heads).into_iter().flatten() {
                let output = S::gather(self.outputs.as_ptr().add(column), offsets.outputs[at..].as_ptr());
                put::<S>(&mut self.block.outputs, column, at, output);
            }
        }
        for lane in self.rows.len().max(at)..at + S::LANES {
            self.block.live[lane] = 0.0;
        }
    }

    #[inline(always)]
    unsafe fn rows<S: Simd>(&mut self, at: usize) {
        // SAFETY: by the caller's contract.
        unsafe {
            if self.heads.has_policy() {
                self.policy::<S>(at);
            }
            if self.heads.has_values() {
                let [value_loss, auxiliary_value_loss] = self.values::<S>(at);
                self.count::<S>(at, 1, value_loss);
                self.count::<S>(at, 12, auxiliary_value_loss);
            }
        }
    }

    /// As `Loss::policy`.
    #[inline(always)]
    unsafe fn policy<S: Simd>(&mut self, at: usize) {
        // SAFETY: by the caller's contract.
        unsafe {
            let gains = self.net::<S>(at);
            self.loss.density.softmax::<S>(at);
            let raw = self.number::<S>(ADVANTAGES, at);
            let advantage = S::mul(S::sub(raw, S::splat(self.loss.mean)), S::splat(self.loss.scale));
            let term = self.term::<S>(at, advantage);
            let weights = self.weights::<S>(at, advantage);
            self.route::<S>(at, term.slope, gains, weights);

            let one = S::splat(1.0);
            let off = S::sub(term.ratio, one);
            let moved = S::max(off, S::sub(S::splat(0.0), off));
            let clip = S::splat(self.loss.params.clip);
            self.count::<S>(at, 0, term.loss);
            for choice in 0..self.block.layout.action_width {
                self.count::<S>(at, 2, get::<S>(&self.loss.density.entropies, choice, at));
            }
            self.count::<S>(at, 3, S::sub(off, term.log_ratio));
            self.count::<S>(at, 4, S::below(clip, moved, one, S::splat(0.0)));
            self.count::<S>(at, 5, S::below(S::splat(0.0), raw, one, S::splat(0.0)));
            self.count::<S>(at, 11, moved);
            self.count::<S>(at, 13, weights[0]);
            self.count::<S>(at, 14, weights[1]);
            self.pathway_metrics::<S>(at);
        }
    }

    /// Adds to a metric's sum where there is a row.
    #[inline(always)]
    unsafe fn count<S: Simd>(&mut self, at: usize, metric: usize, x: S::V) {
        // SAFETY: by the caller's contract.
        unsafe {
            let x = S::below(S::splat(0.0), get::<S>(&self.block.live, 0, at), x, S::splat(0.0));
            let sum = S::add(get::<S>(&self.block.sums, metric, at), x);
            put::<S>(&mut self.block.sums, metric, at, sum);
        }
    }

    #[inline(always)]
    unsafe fn number<S: Simd>(&self, number: usize, at: usize) -> S::V {
        // SAFETY: by the caller's contract.
        unsafe { get::<S>(&self.block.records, number, at) }
    }

    /// `yes` where the option of a logit is allowed, else `no`.
    #[inline(always)]
    unsafe fn where_allowed<S: Simd>(&self, at: usize, logit: usize, yes: S::V, no: S::V) -> S::V {
        if !self.loss.columns.masked {
            return yes;
        }
        // SAFETY: by the caller's contract.
        unsafe {
            let mark = get::<S>(&self.block.outputs, self.loss.columns.mask_at + logit, at);
            S::below(S::splat(0.0), mark, yes, no)
        }
    }

    /// The net logits; gives `[d, i]`. See `Columns`.
    #[inline(always)]
    unsafe fn net<S: Simd>(&mut self, at: usize) -> [S::V; 2] {
        let logits = self.loss.columns.logits;
        // SAFETY: by the caller's contract.
        unsafe {
            let (tone, beta) = (self.number::<S>(TONE, at), self.number::<S>(INVERSE_TEMPERATURE, at));
            if !self.loss.columns.dual {
                for k in 0..logits {
                    let net = S::mul(beta, get::<S>(&self.block.outputs, k, at));
                    let net = self.where_allowed::<S>(at, k, net, S::splat(f32::NEG_INFINITY));
                    put::<S>(&mut self.loss.density.net, k, at, net);
                }
                return [beta, S::splat(0.0)];
            }
            let (scale, one) = (S::mul(S::splat(PATHWAY_SCALE), beta), S::splat(1.0));
            let (direct, indirect) = (S::mul(scale, S::add(one, tone)), S::mul(scale, S::sub(one, tone)));
            for k in 0..logits {
                let g = S::mul(direct, get::<S>(&self.block.outputs, k, at));
                let n = S::mul(indirect, get::<S>(&self.block.outputs, logits + k, at));
                let net = self.where_allowed::<S>(at, k, S::sub(g, n), S::splat(f32::NEG_INFINITY));
                put::<S>(&mut self.loss.density.net, k, at, net);
            }
            [direct, indirect]
        }
    }

    /// As `PolicyTerm::new`.
    #[inline(always)]
    unsafe fn term<S: Simd>(&self, at: usize, advantage: S::V) -> Term<S::V> {
        let density = &self.loss.density;
        // SAFETY: by the caller's contract.
        unsafe {
            let mut log_prob = S::splat(0.0);
            for (choice, (first, n)) in density.choices().enumerate() {
                let taken = self.number::<S>(self.block.layout.actions() + choice, at);
                let mut own = get::<S>(&density.log_probs, first, at);
                for k in 1..n {
                    let log_p = get::<S>(&density.log_probs, first + k, at);
                    own = S::below(taken, S::splat(k as f32), own, log_p);
                }
                log_prob = S::add(log_prob, own);
            }
            let raw = S::sub(log_prob, self.number::<S>(LOG_PROB, at));
            let (low, high) = (S::splat(-LOG_RATIO_LIMIT), S::splat(LOG_RATIO_LIMIT));
            let log_ratio = S::max(low, S::min(high, raw));
            let ratio = exp::<S>(log_ratio);
            let against = S::sub(S::splat(0.0), advantage);
            if self.loss.params.objective == Objective::PolicyGradient as u32 {
                return Term { loss: S::mul(against, log_prob), slope: against, ratio, log_ratio };
            }
            let clip = self.loss.params.clip;
            let clipped_ratio = S::max(S::splat(1.0 - clip), S::min(S::splat(1.0 + clip), ratio));
            let (free, clipped) = (S::mul(against, ratio), S::mul(against, clipped_ratio));
            let zero = S::splat(0.0);
            let slope = S::below(raw, low, zero, S::below(high, raw, zero, S::below(free, clipped, zero, free)));
            Term { loss: S::max(clipped, free), slope, ratio, log_ratio }
        }
    }

    /// As `Loss::weights`.
    #[inline(always)]
    unsafe fn weights<S: Simd>(&self, at: usize, advantage: S::V) -> [S::V; 2] {
        // SAFETY: by the caller's contract.
        unsafe {
            let one = S::splat(1.0);
            if !self.loss.columns.dual {
                return [one; 2];
            }
            let kappa = self.loss.params.kappa;
            let [mut g, mut n] = [advantage; 2];
            if self.loss.params.opponent != 0 {
                (g, n) = (self.number::<S>(ADVANTAGES + 1, at), self.number::<S>(ADVANTAGES + 2, at));
            }
            let (zero, gain, loss) = (S::splat(0.0), S::splat(kappa), S::splat(-kappa));
            [S::add(one, S::below(zero, g, gain, loss)), S::sub(one, S::below(zero, n, gain, loss))]
        }
    }

    /// The gradients of density, logits' decay and pathways.
    #[inline(always)]
    unsafe fn route<S: Simd>(&mut self, at: usize, slope: S::V, gains: [S::V; 2], weights: [S::V; 2]) {
        let (params, inverse_count) = (self.loss.params, self.loss.inverse_count);
        let mut first = 0;
        // SAFETY: by the caller's contract.
        unsafe {
            let beta = self.number::<S>(INVERSE_TEMPERATURE, at);
            let (zero, decay) = (S::splat(0.0), S::splat(params.logit_decay * inverse_count));
            let pull = S::mul(slope, S::splat(inverse_count));
            let (push, bonus) = (S::sub(zero, pull), S::splat(params.entropy_coef * inverse_count));
            for choice in 0..self.block.layout.action_width {
                let taken = self.number::<S>(self.block.layout.actions() + choice, at);
                let h = get::<S>(&self.loss.density.entropies, choice, at);
                let end = first + self.loss.density.options(choice);
                for column in first..end {
                    let p = get::<S>(&self.loss.density.probs, column, at);
                    let log_p = get::<S>(&self.loss.density.log_probs, column, at);
                    // d log pi(a) / dl_k = 1[k = a] - p_k
                    let j = S::mul(push, p);
                    let off = S::sub(taken, S::splat((column - first) as f32));
                    let j = S::below(S::mul(off, off), S::splat(0.25), S::add(j, pull), j);
                    // dH / dl_k = -p_k (log p_k + H)
                    let share = S::mul(bonus, p);
                    let mut j_h = S::below(zero, p, S::mul(share, S::add(log_p, h)), share);
                    if params.logit_decay != 0.0 {
                        let preference = S::div(get::<S>(&self.loss.density.net, column, at), beta);
                        let decayed = S::add(j_h, S::div(S::mul(decay, preference), beta));
                        j_h = self.where_allowed::<S>(at, column, decayed, j_h);
                    }
                    self.pathways::<S>(at, column, [j, j_h], gains, weights);
                }
                first = end;
            }
        }
    }

    /// As `Loss::route`, one column.
    #[inline(always)]
    unsafe fn pathways<S: Simd>(
        &mut self,
        at: usize,
        column: usize,
        [j, j_h]: [S::V; 2],
        [direct, indirect]: [S::V; 2],
        [w_g, w_n]: [S::V; 2],
    ) {
        let logits = self.loss.columns.logits;
        // SAFETY: by the caller's contract.
        unsafe {
            let (d_g, d_trunk) = (S::mul(direct, S::add(S::mul(w_g, j), j_h)), S::mul(direct, S::add(j, j_h)));
            if !self.loss.columns.dual {
                put::<S>(&mut self.block.d_outputs, column, at, d_g);
                put::<S>(&mut self.block.d_trunk, column, at, d_trunk);
                return;
            }
            let decay = S::splat(self.loss.params.sum_decay * self.loss.inverse_count);
            let outputs = &self.block.outputs;
            let both = S::add(get::<S>(outputs, column, at), get::<S>(outputs, logits + column, at));
            let sum_mode = self.where_allowed::<S>(at, column, S::mul(decay, both), S::splat(0.0));
            let block = &mut *self.block;
            let (d_n, d_trunk_n) = (S::mul(indirect, S::add(S::mul(w_n, j), j_h)), S::mul(indirect, S::add(j, j_h)));
            put::<S>(&mut block.d_outputs, column, at, S::add(d_g, sum_mode));
            put::<S>(&mut block.d_trunk, column, at, S::add(d_trunk, sum_mode));
            put::<S>(&mut block.d_outputs, logits + column, at, S::sub(sum_mode, d_n));
            put::<S>(&mut block.d_trunk, logits + column, at, S::sub(sum_mode, d_trunk_n));
        }
    }

    /// As `Loss::values`, of a scalar critic.
    #[inline(always)]
    unsafe fn values<S: Simd>(&mut self, at: usize) -> [S::V; 2] {
        let (columns, block, params) = (self.loss.columns, &mut *self.block, self.loss.params);
        let heads = columns.features_at - columns.values_at;
        let auxiliary = (heads - 1).max(1) as f32;
        let weights = [params.value_coef, params.auxiliary_coef / auxiliary].map(|w| w * self.loss.inverse_count);
        // SAFETY: by the caller's contract.
        unsafe {
            let (zero, half, clip) = (S::splat(0.0), S::splat(0.5), S::splat(params.value_clip));
            let mut losses = [zero; 2];
            for k in 0..heads {
                let column = columns.values_at + k;
                let (value, target) =
                    (get::<S>(&block.outputs, column, at), get::<S>(&block.records, block.layout.returns() + k, at));
                let error = S::sub(value, target);
                let free = S::mul(S::mul(half, error), error);
                let (mut loss, mut slope) = (free, error);
                if params.value_clip > 0.0 {
                    let old = get::<S>(&block.records, block.layout.values() + k, at);
                    let change = S::sub(value, old);
                    let within = S::max(S::splat(-params.value_clip), S::min(clip, change));
                    let clipped_error = S::sub(S::add(old, within), target);
                    let clipped = S::mul(S::mul(half, clipped_error), clipped_error);
                    // The clipped value does not depend on V.
                    let size = S::max(change, S::sub(zero, change));
                    let worse = S::below(clip, size, clipped, zero);
                    (loss, slope) = (S::below(free, worse, clipped, free), S::below(free, worse, zero, error));
                }
                let part = usize::from(k > 0);
                let d = S::mul(S::splat(weights[part]), slope);
                put::<S>(&mut block.d_outputs, column, at, d);
                put::<S>(&mut block.d_trunk, column, at, d);
                losses[part] = S::add(losses[part], loss);
            }
            [losses[0], S::div(losses[1], S::splat(auxiliary))]
        }
    }

    /// As `Loss::pathway_metrics`.
    #[inline(always)]
    unsafe fn pathway_metrics<S: Simd>(&mut self, at: usize) {
        let logits = self.loss.columns.logits;
        for k in 0..logits {
            // SAFETY: by the caller's contract.
            unsafe {
                let weight = self.column_weight::<S>(at, k);
                let g = get::<S>(&self.block.outputs, k, at);
                self.count_column::<S>(at, 6, weight, g);
                self.count_column::<S>(at, 7, weight, S::mul(g, g));
                if self.loss.columns.dual {
                    let n = get::<S>(&self.block.outputs, logits + k, at);
                    let both = S::add(g, n);
                    self.count_column::<S>(at, 8, weight, n);
                    self.count_column::<S>(at, 9, weight, S::mul(n, n));
                    let square = self.where_allowed::<S>(at, k, S::mul(both, both), S::splat(0.0));
                    self.count::<S>(at, 10, square);
                }
            }
        }
    }

    /// What a logit counts in means over columns, times their number; none where all count the same.
    #[inline(always)]
    unsafe fn column_weight<S: Simd>(&self, at: usize, logit: usize) -> Option<S::V> {
        let logits = self.loss.columns.logits;
        // SAFETY: by the caller's contract.
        unsafe {
            let (zero, one) = (S::splat(0.0), S::splat(1.0));
            let mut allowed = zero;
            for k in 0..logits {
                allowed = S::add(allowed, self.where_allowed::<S>(at, k, one, zero));
            }
            let weight = S::div(S::splat(logits as f32), S::max(allowed, one));
            self.loss.columns.masked.then(|| self.where_allowed::<S>(at, logit, weight, zero))
        }
    }

    /// Adds a column's number to a metric's sum.
    #[inline(always)]
    unsafe fn count_column<S: Simd>(&mut self, at: usize, metric: usize, weight: Option<S::V>, x: S::V) {
        // SAFETY: by the caller's contract.
        unsafe {
            let x = weight.map_or(x, |weight| S::mul(weight, x));
            self.count::<S>(at, metric, x);
        }
    }
}
