//! 演示中继: what the demo takes calls from: the lines of the demo ledger, another operator, abroad and own access, all on the loopback and told apart
//! by trunk group.

use std::{
    fmt::Write,
    fs, io,
    net::UdpSocket,
    path::{Path, PathBuf},
};

use super::ledger;

const FILE: &str = "demo-trunks.toml";
/// The port of SIP, where nobody has it.
const USUAL: &str = "127.0.0.1:5060";

/// Groups that are no line of the ledger, with their class.
pub const NETWORKS: [(&str, &str); 3] = [("demo-peer", "interconnect"), ("demo-abroad", "international"), ("demo-own", "retail")];

/// Where the demo listens.
pub fn listen() -> String {
    let address = if UdpSocket::bind(USUAL).is_ok() { USUAL } else { "127.0.0.1:0" };
    format!("udp:{address}")
}

/// Writes the file of trunks.
///
/// # Errors
/// The data directory cannot be written.
pub fn write(data: &Path) -> io::Result<PathBuf> {
    let mut text = String::from("# 演示中继，每次启动重写 · Trunks of the demo, written anew at every start\n");
    let enterprise = ledger::trunks().map(|code| (code, "enterprise"));
    for (name, class) in NETWORKS.into_iter().chain(enterprise) {
        let block = if class == "enterprise" { "603+" } else { "603" };
        let _ = write!(
            text,
            "\n[[trunk]]\nname = \"{name}\"\nclass = \"{class}\"\nsources = [\"127.0.0.0/8\"]\ngroup = \"{name}\"\nblock = \"{block}\"\n\
             redress = {{ tel = \"10000\" }}\n"
        );
    }
    let path = data.join(FILE);
    fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_ledger_has_its_trunk() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path()).unwrap();
        let trunks = chuangsha_sip::Trunks::parse(&fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(trunks.iter().count(), NETWORKS.len() + ledger::trunks().count());
        let found = trunks.find("127.0.0.1".parse().unwrap(), Some(b"9901-T01")).unwrap();
        assert!(found.fails_closed() && found.id.is_none(), "found in the ledger by its name");
        assert!(trunks.find("127.0.0.1".parse().unwrap(), None).is_none(), "a call says by which group it comes");
    }
}
