//! Expands and validates every shader of `shaders/`; an invalid one fails the build with its file and line.
//!
//! A line `// #include "name.wgsl"` brings in that file's declarations. WGSL does not care about their order, so they are
//! appended at the end and the lines of the including file keep their numbers.
//!
//! A file whose first line is `// #part` needs what its includers declare: it is validated as a part of each of them, and there
//! must be one.

use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The first line of a file that cannot stand by itself.
const PART: &str = "// #part\n";

fn main() {
    let crate_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("shaders");
    let shaders = crate_dir.join("../../shaders");
    println!("cargo:rerun-if-changed={}", shaders.display());
    println!("cargo:rerun-if-changed=build.rs");
    let errors = build(&shaders, &out).unwrap_or_else(|error| vec![format!("{}: {error}", shaders.display())]);
    if !errors.is_empty() {
        eprintln!("{}", errors.join("\n"));
        std::process::exit(1);
    }
}

/// Writes the expanded shaders to `out`; the rendered errors of those that are invalid.
fn build(shaders: &Path, out: &Path) -> std::io::Result<Vec<String>> {
    fs::create_dir_all(out)?;
    let mut files: Vec<PathBuf> =
        fs::read_dir(shaders)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "wgsl"));
    files.sort();
    let mut errors = Vec::new();
    let (mut parts, mut used) = (Vec::new(), Vec::new());
    for path in files {
        println!("cargo:rerun-if-changed={}", path.display());
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut included = vec![name.to_owned()];
        let source =
            expand(shaders, name, &mut included).map_err(|error| std::io::Error::other(format!("{name}: {error}")))?;
        if source.starts_with(PART) {
            parts.push(name.to_owned());
            continue;
        }
        if let Err(error) = validate(&source, &format!("shaders/{name}")) {
            errors.push(error);
        }
        used.append(&mut included);
        fs::write(out.join(name), source)?;
    }
    let lonely = parts.iter().filter(|part| !used.contains(part));
    errors.extend(lonely.map(|part| format!("shaders/{part}: a part that no shader includes, and so never validated")));
    Ok(errors)
}

/// The text of a shader followed by that of the files it includes, each once.
fn expand(shaders: &Path, name: &str, included: &mut Vec<String>) -> std::io::Result<String> {
    let mut source = fs::read_to_string(shaders.join(name))?;
    for line in source.clone().lines() {
        let Some(other) = line.strip_prefix("// #include \"").and_then(|rest| rest.strip_suffix('"')) else { continue };
        if !included.iter().any(|seen| seen == other) {
            included.push(other.to_owned());
            source.push_str(&expand(shaders, other, included)?);
        }
    }
    Ok(source)
}

fn validate(source: &str, path: &str) -> Result<(), String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string_with_path(source, path))?;
    Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .map(|_| ())
        .map_err(|error| error.emit_to_string_with_path(source, path))
}
