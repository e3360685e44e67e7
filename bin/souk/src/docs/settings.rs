use super::markdown::{code, head, table};
use mesh::config::Loader;

/// One table of all settings.
pub fn render() -> String {
    let mut text = head("Settings", "the structs of `mesh::config` and the settings of the roles");
    text.push_str(
        "\nA flag is stronger than the environment, that is stronger than the file that `SOUK_CONFIG` names (TOML), and \
         that than the default. The flag of `SOUK_GRPC_LISTEN` is `--grpc-listen`. `souk config` prints what is in force.\n\n",
    );
    let mut loader = Loader::default();
    mesh::configure(&mut loader, crate::ROLES);
    // Defaults have no problems; if they had, nothing could start.
    let settings = loader.finish().unwrap_or_default();
    let rows = settings.entries.into_iter().map(|setting| {
        let default = setting.value.unwrap_or_default();
        vec![code(&setting.name), code(&setting.key), code(&default), setting.doc]
    });
    text.push_str(&table(&["Variable", "Key in the file", "Default", "Meaning"], rows));
    text
}
