//! Programs of npm, at the versions of `tests/openapi/package-lock.json`, run by the node of `./dev`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The compiler of TypeScript, as a workshop finds it.
pub const TSC: &str = "../node_modules/typescript/bin/tsc";

/// A folder with the files of `tests/openapi`, in which the packages are found.
pub struct Workshop {
    node: PathBuf,
    folder: PathBuf,
}

impl Workshop {
    /// A new one; installs the packages where they are missing.
    pub async fn open(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let tools = root.join(".souk/tools");
        let (node, npm) = (tools.join("bin/node"), tools.join("npm/bin/npm-cli.js"));
        for needed in [&node, &npm] {
            assert!(needed.is_file(), "no {}: `./dev tools` installs it", needed.display());
        }
        let (sources, home) = (root.join("tests/openapi"), root.join(".souk/openapi"));
        fs::create_dir_all(&home).unwrap();
        let workshop = Self { node, folder: home.join(name) };
        workshop.install(&npm, &sources, &home).await;
        match fs::remove_dir_all(&workshop.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => fs::create_dir(&workshop.folder).unwrap(),
        }
        for file in fs::read_dir(sources).unwrap().map(|file| file.unwrap()) {
            // An editor may have had packages installed beside the files.
            if file.path().is_file() {
                fs::copy(file.path(), workshop.folder.join(file.file_name())).unwrap();
            }
        }
        workshop
    }

    /// Installs the packages into `home`, unless these are there.
    async fn install(&self, npm: &Path, sources: &Path, home: &Path) {
        let wanted = fs::read(sources.join("package-lock.json")).unwrap();
        let installed = home.join("installed.json");
        let is_there = || fs::read(&installed).is_ok_and(|installed| installed == wanted);
        if is_there() {
            return;
        }
        // Only one test process installs.
        let lock = File::create(home.join("lock")).unwrap();
        let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock));
        let _lock = lock.await.unwrap().unwrap();
        if is_there() {
            return;
        }
        for file in ["package.json", "package-lock.json"] {
            fs::copy(sources.join(file), home.join(file)).unwrap();
        }
        let args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
        // Its own patience is longer than that for a test.
        let patience =
            ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"];
        let mut command = Command::new(&self.node);
        command.arg(npm).args(args).args(patience).current_dir(home);
        if let Err(output) = output(command).await {
            panic!(
                "npm cannot install the packages of tests/openapi/package-lock.json into {}: is its registry reachable from here? \
                 `npm config get registry` names it; once they are installed it is not needed any more. {output}",
                home.display()
            );
        }
        fs::write(installed, wanted).unwrap();
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// Runs a program of JavaScript with these arguments and variables; returns what it prints.
    pub async fn run(&self, program: &str, args: &[&str], variables: &[(&str, &str)]) -> String {
        let mut command = Command::new(&self.node);
        command.arg(program).args(args).envs(variables.iter().copied()).current_dir(&self.folder);
        match output(command).await {
            Ok(printed) => printed,
            Err(output) => panic!("{program} in {}: {output}", self.folder.display()),
        }
    }
}

/// What a program prints; all of it, and how it ended, where it fails.
async fn output(mut command: Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout);
    if output.status.success() {
        return Ok(printed);
    }
    Err(format!("{}\n{printed}{}", output.status, text(&output.stderr)))
}
