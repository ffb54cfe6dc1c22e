//! Every setting there is: its name, shape, default and words. The annotated file, the schema, the checks and the error texts all come from this one table.

/// What a setting's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text; empty means "not set".
    Text,
    /// A whole number within bounds.
    Number(i64, i64),
    /// `IP:port`; port 0 takes a free one.
    Address,
    /// `host:port`, a name or an IP; empty means "not set".
    Peer,
    /// An address starting with one of these; empty means "not set".
    Url(&'static [&'static str]),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file or folder; empty means "not set".
    Path,
    /// A list of texts.
    List,
    /// `IP:port`; empty means "not set".
    AddressOrNone,
    /// A list of ways to listen: `udp:IP:port`, `tcp:IP:port`, `tls:IP:port`.
    Listeners,
    /// A list of files, each after its kind and a colon.
    Files(&'static [&'static str]),
}

/// How SIP comes in.
pub const TRANSPORTS: &[&str] = &["udp", "tcp", "tls"];
/// Call records that can be read.
pub const RECORDS: &[&str] = &["kamailio", "asterisk", "freeswitch"];

/// Transport and address of one way to listen.
pub fn listener(text: &str) -> Option<(&'static str, std::net::SocketAddr)> {
    let (transport, address) = text.split_once(':')?;
    Some((TRANSPORTS.iter().find(|known| **known == transport)?, address.parse().ok()?))
}

/// Kind and path of one file.
pub fn file<'a>(kinds: &[&'static str], text: &'a str) -> Option<(&'static str, &'a std::path::Path)> {
    let (kind, path) = text.split_once(':')?;
    let kind = kinds.iter().find(|known| **known == kind)?;
    (!path.is_empty()).then(|| (*kind, std::path::Path::new(path)))
}

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// `section.name`.
    pub name: &'static str,
    /// Shape of the value.
    pub shape: Shape,
    /// The default, as TOML.
    pub default: &'static str,
    /// Never printed; may also be given as a file whose name stands in `<name>_file`.
    pub secret: bool,
    /// What it does, Chinese.
    pub zh: &'static str,
    /// What it does, English.
    pub en: &'static str,
}

const fn key(name: &'static str, shape: Shape, default: &'static str, zh: &'static str, en: &'static str) -> Key {
    Key { name, shape, default, secret: false, zh, en }
}

const fn secret(name: &'static str, shape: Shape, zh: &'static str, en: &'static str) -> Key {
    Key { name, shape, default: "\"\"", secret: true, zh, en }
}

const HTTP: Shape = Shape::Url(&["http://", "https://"]);

/// The table, in the order of the annotated file.
pub static KEYS: &[Key] = &[
    key(
        "data.directory",
        Shape::Path,
        r#""./data""#,
        "数据目录：库、影像、密钥、证书",
        "Where everything is kept: store, images, keys, certificates",
    ),
    key("server.listen", Shape::Address, r#""127.0.0.1:8443""#, "控制台与接口的监听地址", "Address of the console and the API"),
    key(
        "server.public_url",
        HTTP,
        r#""""#,
        "用户浏览器里看到的地址；空则由监听地址推出。通行密钥(passkey)绑定此域名",
        "Address as browsers see it; empty: derived from the listening address. Passkeys are bound to its host name",
    ),
    key(
        "server.names",
        Shape::List,
        "[]",
        "本地证书还要写入的主机名或IP（localhost、本机名已含）",
        "Further host names or IPs for the local certificate (localhost and this machine's name are in it)",
    ),
    key(
        "server.tls",
        Shape::Choice(&["local", "files", "off"]),
        r#""local""#,
        "local 自建本地CA；files 使用下面两个文件；off 明文HTTP（仅限前面另有TLS代理，须加 --plain-http）",
        "local: own local CA; files: the two files below; off: plain HTTP, only behind a TLS proxy and with --plain-http",
    ),
    key(
        "server.tls_certificate",
        Shape::Path,
        r#""""#,
        "证书链(PEM)，tls = files 时必填",
        "Certificate chain (PEM), needed with tls = files",
    ),
    key("server.tls_key", Shape::Path, r#""""#, "私钥(PEM)，tls = files 时必填", "Private key (PEM), needed with tls = files"),
    key(
        "server.drain_seconds",
        Shape::Number(0, 300),
        "10",
        "停止时等待在途请求的秒数",
        "Seconds given to requests in flight when stopping",
    ),
    key(
        "admin.listen",
        Shape::Address,
        r#""127.0.0.1:9443""#,
        "运维监听(/livez /readyz /metrics)，明文，勿对外开放",
        "Operations listener (/livez /readyz /metrics): plain, never open it to the outside",
    ),
    Key {
        name: "store.url",
        shape: Shape::Url(&["sqlite:", "postgres://", "postgresql://"]),
        default: r#""""#,
        secret: true,
        zh: "存储；空则用数据目录下的 SQLite。PostgreSQL 15+：postgres://用户:口令@主机/库",
        en: "The store; empty: SQLite in the data directory. PostgreSQL 15+: postgres://user:password@host/database",
    },
    key("store.readers", Shape::Number(1, 64), "4", "读连接数", "Connections for reading"),
    key(
        "vault.suite",
        Shape::Choice(&["international", "gm"]),
        r#""international""#,
        "密码套件：international = AES-256-GCM/SHA-256/Ed25519；gm = SM4-GCM/SM3/SM2（国密）。初始化后不可改",
        "Cipher suite: international = AES-256-GCM/SHA-256/Ed25519; gm = SM4-GCM/SM3/SM2. Fixed once data exists",
    ),
    key(
        "vault.root",
        Shape::Path,
        r#""""#,
        "根密钥文件；空则为数据目录下 root.key。请放在与库、备份不同的介质上",
        "File of the root key; empty: root.key in the data directory. Keep it on another medium than store and backups",
    ),
    key(
        "vault.tenant",
        Shape::Text,
        r#""main""#,
        "租户标识，写入每个密文的关联数据。初始化后不可改",
        "Tenant name, bound into every sealed value. Fixed once data exists",
    ),
    key("rules.local", Shape::List, "[]", "本地规则包(TOML)，只能比法定更严", "Local rule packs (TOML); they may only tighten the law"),
    key(
        "operator.code",
        Shape::Text,
        r#""""#,
        "运营者代码（必填），一证五号按它计数。初始化后不可改",
        "Code of the operator, must be set; the number limit counts by it. Fixed once data exists",
    ),
    key(
        "operator.name_zh",
        Shape::Text,
        r#""""#,
        "运营者中文名（必填），写入短信与页面",
        "Chinese name of the operator, must be set; in messages and pages",
    ),
    key(
        "operator.name_en",
        Shape::Text,
        r#""""#,
        "运营者英文名（必填），写入影像水印",
        "English name of the operator, must be set; in the watermark of pictures",
    ),
    key(
        "operator.hotline",
        Shape::Text,
        r#""""#,
        "客服热线（必填），短信中告知用户",
        "Hotline, must be set; named in messages to customers",
    ),
    key(
        "operator.registration_port",
        Shape::Text,
        r#""""#,
        "实名补登号码；与热线一样，任何停机下都可拨打；留空则只保留热线",
        "Number to register and re-register by; like the hotline it can be called in every stop; empty: only the hotline",
    ),
    key(
        "operator.remedy_zh",
        Shape::Text,
        r#""任一自有营业厅""#,
        "短信中告知用户去何处补正",
        "Where a refusal is mended, as messages to customers say it (Chinese)",
    ),
    key(
        "operator.documents_zh",
        Shape::Text,
        r#""本人有效身份证件原件""#,
        "短信中告知用户携带什么",
        "What to bring, as messages to customers say it (Chinese)",
    ),
    key(
        "audit.origin",
        Shape::Text,
        r#""chuangsha.local/audit""#,
        "审计日志之名：主机名与路径，无空格；写入每个检查点。初始化后不可改",
        "Name of the audit log, a host name and a path without spaces, in every checkpoint. Fixed once data exists",
    ),
    key("images.max_bytes", Shape::Number(65_536, 104_857_600), "12582912", "上传影像的最大字节数", "Largest uploaded picture, bytes"),
    key("images.max_pixels", Shape::Number(1_000_000, 400_000_000), "50000000", "上传影像的最大像素数", "Largest uploaded picture, pixels"),
    key("images.stored_side", Shape::Number(640, 8_000), "2000", "存储影像长边像素", "Longer side of a stored picture, pixels"),
    key("images.quality", Shape::Number(40, 100), "82", "存储影像的 JPEG 质量", "JPEG quality of a stored picture"),
    key(
        "screening.home",
        Shape::Choice(&["auto", "china_mobile", "china_telecom", "china_unicom", "china_broadnet"]),
        r#""auto""#,
        "本企业在号码规划中的身份：自家号码从网外进来须有凭据；auto 取 operator.code",
        "Which operator of the numbering plan this is: a number of ours that comes in from outside needs proof; auto: as operator.code says",
    ),
    key(
        "screening.folder",
        Shape::Path,
        r#""""#,
        "甄别快照文件目录；空则为数据目录下的 screen。号码只在此处不加密，仅本程序可读；可放在内存文件系统上",
        "Folder of the screening snapshots; empty: screen in the data directory. The one place where numbers stand unsealed, readable by this program only; may lie on a memory file system",
    ),
    key(
        "screening.callers",
        Shape::Number(1_024, 1_000_000_000),
        "1048576",
        "记住多少主叫，每个 66 字节",
        "Callers remembered, 66 bytes each",
    ),
    key(
        "screening.callees",
        Shape::Number(1_024, 1_000_000_000),
        "1048576",
        "记住多少被叫，每个 66 字节",
        "Callees remembered, 66 bytes each",
    ),
    key(
        "screening.identity_anchors",
        Shape::Path,
        r#""""#,
        "主叫签名(STIR/SHAKEN)的信任锚证书(PEM，可多张)；空则不验证签名，也不据此处置",
        "Trust anchors (PEM, one or more) of identity tokens (STIR/SHAKEN); empty: tokens are not checked and nothing is concluded from them",
    ),
    key(
        "screening.identity_hosts",
        Shape::List,
        "[]",
        "可获取签名证书的主机，host 或 host:端口，仅 https；其他主机一律不取",
        "Hosts certificates of tokens are fetched from, host or host:port, https only; from others nothing is fetched",
    ),
    key(
        "screening.identity_authority",
        Shape::Path,
        r#""""#,
        "上述主机 TLS 证书的另一签发机构(PEM)；空则只信任系统的",
        "Another authority (PEM) for the TLS of those hosts; empty: those of the system alone",
    ),
    key(
        "screening.identity_timeout_ms",
        Shape::Number(100, 10_000),
        "1000",
        "获取一张证书的毫秒数；呼叫至多等 4 毫秒，之后未验证放行并计数，证书到达后供其后的呼叫使用",
        "Milliseconds one fetch of a certificate may take; a call waits 4 of them and then goes on unchecked, counted, and those after it find the certificate there",
    ),
    key(
        "screening.identity_revocations",
        Shape::List,
        "[]",
        "签名证书的吊销列表(CRL)：文件(PEM 或 DER，改动后重读)或 https 地址(每小时重取)；被吊销证书的签名按规则 revoked 处置",
        "Lists of revoked token certificates (CRL): files (PEM or DER, read again when they change) or https addresses (asked every hour); a token signed with a revoked one is for the rule revoked",
    ),
    key(
        "screening.log_passes",
        Shape::Number(0, 10_000),
        "100",
        "每万次放行记录多少条；未放行的全部记录",
        "Of ten thousand passed calls so many are logged; what did not pass always is",
    ),
    key(
        "screening.log_waiting",
        Shape::Number(256, 1_048_576),
        "65536",
        "最多多少条判定等待写库；库不可用时超出的只计数",
        "Verdicts that may wait for the store; beyond that they are only counted",
    ),
    key(
        "screening.beside",
        Shape::Number(1_024, 16_777_216),
        "65536",
        "名单可与底本不同的号码数（底本的 1/128 更大时按后者）；超出即重建底本",
        "Numbers of the lists that may differ from their base, or the 128th part of the base where that is more; beyond it the base is built anew",
    ),
    key(
        "verification.url",
        HTTP,
        r#""""#,
        "联网核验与人像比对服务；空则登记单停在“待核验”，不会放行",
        "Networked document check and face match; empty: orders wait for verification, nothing passes",
    ),
    secret("verification.token", Shape::Text, "核验服务的访问令牌", "Access token of the verification service"),
    key(
        "verification.timeout_ms",
        Shape::Number(100, 60_000),
        "5000",
        "核验请求超时，毫秒",
        "Timeout of a verification request, milliseconds",
    ),
    key(
        "network.url",
        HTTP,
        r#""""#,
        "开通网元(TMF640)；空则指令留在发件箱",
        "Service activation (TMF640); empty: commands stay in the outbox",
    ),
    secret("network.token", Shape::Text, "开通接口的访问令牌", "Access token of the activation interface"),
    key("network.timeout_ms", Shape::Number(100, 120_000), "10000", "开通请求超时，毫秒", "Timeout of an activation request, milliseconds"),
    key(
        "sms.sink",
        Shape::Choice(&["console", "smpp", "cmpp", "http"]),
        r#""console""#,
        "短信出口：console 只记日志(不含内容与号码)；smpp；cmpp；http",
        "Way out for SMS: console only logs that one was due (no text, no number); smpp; cmpp; http",
    ),
    key("sms.smpp_peer", Shape::Peer, r#""""#, "短信中心地址 主机:端口", "SMSC, host:port"),
    key("sms.smpp_system_id", Shape::Text, r#""""#, "SMPP 帐号", "SMPP system id"),
    secret("sms.smpp_password", Shape::Text, "SMPP 口令", "SMPP password"),
    key("sms.cmpp_peer", Shape::Peer, r#""""#, "中国移动短信网关地址 主机:端口", "China Mobile's gateway, host:port"),
    key("sms.cmpp_version", Shape::Choice(&["2.0", "3.0"]), r#""3.0""#, "CMPP 版本", "CMPP version"),
    key("sms.cmpp_account", Shape::Text, r#""""#, "企业代码(SP_Id)，至多六位", "SP's code (SP_Id), at most six characters"),
    secret("sms.cmpp_secret", Shape::Text, "CMPP 共享密码", "CMPP shared secret"),
    key("sms.cmpp_service", Shape::Text, r#""""#, "业务代码(Service_Id)，至多十位", "Service code (Service_Id), at most ten characters"),
    key("sms.cmpp_per_second", Shape::Number(0, 10_000), "100", "每秒至多发送条数，0 不限", "Messages a second at most; 0: no limit"),
    key("sms.source", Shape::Text, r#""10699000""#, "短信主叫码号", "Sender number of messages"),
    key("sms.http_url", HTTP, r#""""#, "HTTP 短信网关", "HTTP SMS gateway"),
    secret("sms.http_token", Shape::Text, "HTTP 短信网关令牌", "Access token of the HTTP SMS gateway"),
    key("call.http_url", HTTP, r#""""#, "外呼网关；空则外呼留在发件箱", "HTTP gateway of outbound calls; empty: calls wait in the outbox"),
    secret("call.http_token", Shape::Text, "外呼网关令牌", "Access token of the gateway of outbound calls"),
    key(
        "capture.reader_bridge",
        HTTP,
        r#""""#,
        "采集页读卡桥接的来源，如 http://127.0.0.1:17510；空则不用。页面只可连接此来源",
        "Origin of the reader bridge on clerks' machines, such as http://127.0.0.1:17510; empty: none. The capture page may connect there only",
    ),
    secret("capture.reader_token", Shape::Text, "读卡桥接要求出示的令牌", "Token the reader bridge wants to be shown"),
    key(
        "sip.listen",
        Shape::Listeners,
        "[]",
        "呼叫甄别的信令监听，如 [\"udp:0.0.0.0:5060\", \"tls:[::]:5061\"]；空则不启动",
        "SIP listeners of call screening, such as [\"udp:0.0.0.0:5060\", \"tls:[::]:5061\"]; empty: off",
    ),
    key(
        "sip.trunks",
        Shape::Path,
        r#""""#,
        "中继文件(TOML)，见 signalling.md；改动或收到 SIGHUP 时重读，有误则沿用旧的",
        "File of trunks (TOML), see signalling.md; read again when it changes and on SIGHUP, a wrong one leaves the old one in force",
    ),
    key(
        "sip.loops",
        Shape::Number(0, 256),
        "0",
        "每个 UDP 地址的接收线程数；0 = 每核一个",
        "Receiving threads for each UDP address; 0: one for each core",
    ),
    key(
        "sip.receive_buffer",
        Shape::Number(65_536, 1_073_741_824),
        "16777216",
        "每个接收线程的内核缓冲，字节；超过 net.core.rmem_max 须有 CAP_NET_ADMIN",
        "Kernel buffer of each receiving thread, bytes; beyond net.core.rmem_max CAP_NET_ADMIN is needed",
    ),
    key(
        "sip.own_address",
        Shape::AddressOrNone,
        r#""""#,
        "代理方式下写入 Via 与 Record-Route 的本机地址 IP:端口；空则不能有代理中继",
        "This machine's IP:port as it stands in Via and Record-Route of proxied calls; empty: no trunk can be proxied",
    ),
    key(
        "sip.certificate",
        Shape::Path,
        r#""""#,
        "tls: 监听的证书链(PEM)；更换后自动重读",
        "Certificate chain (PEM) of tls: listeners; read again when replaced",
    ),
    key("sip.key", Shape::Path, r#""""#, "tls: 监听的私钥(PEM)", "Private key (PEM) of tls: listeners"),
    key(
        "sip.authority",
        Shape::Path,
        r#""""#,
        "签发对端证书的机构(PEM)；填写后对端须出示证书",
        "Authority (PEM) of the peers' certificates; when set, peers must show one",
    ),
    key(
        "sip.signing_key",
        Shape::Path,
        r#""""#,
        "主叫签名(STIR/SHAKEN)私钥(P-256，PKCS #8，PEM)，更换后自动重读；经代理接续、来自本企业台账中继的呼叫由此签名；空则不签",
        "Private key (P-256, PKCS #8, PEM) that calls of our own ledger are signed with (STIR/SHAKEN) when they go on through the proxy; read again when replaced; empty: nothing is signed",
    ),
    key(
        "sip.signing_certificate",
        Shape::Url(&["https://"]),
        r#""""#,
        "对端获取该私钥证书的 https 地址(x5u)",
        "https address (x5u) where others fetch the certificate of that key",
    ),
    key(
        "sip.transactions",
        Shape::Number(1_024, 33_000_000),
        "1600000",
        "记住多少个呼叫事务，每个约 90 字节；记 32 秒，故须大于每秒呼叫数的 32 倍",
        "Call transactions remembered, some 90 bytes each; for 32 seconds, so it takes more than 32 times the calls of a second",
    ),
    key(
        "sip.drain_seconds",
        Shape::Number(0, 60),
        "5",
        "停止时最多再判定多少秒：OPTIONS 答 503，来的呼叫照常判定，安静下来即止",
        "Seconds calls are still decided when stopping, at most: OPTIONS get 503; it ends as soon as nothing comes any more",
    ),
    key(
        "sip.roaming_url",
        HTTP,
        r#""""#,
        "漫游查询接口：POST {\"subscriber\":\"+86…\"}，答 {\"abroad\":true}；空则境外来的 +86 移动主叫按仿冒处理",
        "Roaming look-up: POST {\"subscriber\":\"+86…\"}, answer {\"abroad\":true}; empty: +86 mobiles from abroad are taken for forged",
    ),
    secret("sip.roaming_token", Shape::Text, "漫游查询接口的访问令牌", "Access token of the roaming look-up"),
    key(
        "sip.roaming_timeout_ms",
        Shape::Number(10, 2_000),
        "150",
        "等待漫游查询的毫秒数；超时则带标签放行并记录",
        "Milliseconds a call waits for the roaming look-up; then it passes with a label and that is counted",
    ),
    key(
        "sip.hep_listen",
        Shape::AddressOrNone,
        r#""""#,
        "接收 HEP3 探针的 UDP 地址；空则不启动",
        "UDP address for HEP3 probes; empty: off",
    ),
    secret("sip.hep_password", Shape::Text, "HEP3 探针须出示的口令；空则不查", "Password HEP3 probes must show; empty: not asked for"),
    key(
        "sip.cdr_files",
        Shape::Files(RECORDS),
        "[]",
        "持续读取的话单文件，种类:路径，如 [\"kamailio:/var/log/kamailio.log\"]；记住读到何处，文件轮转不丢行",
        "Call records to follow, kind:path, such as [\"kamailio:/var/log/kamailio.log\"]; remembers where it stopped, rotation loses no row",
    ),
    key(
        "sip.cdr_zone",
        Shape::Text,
        r#""Asia/Shanghai""#,
        "Asterisk 与 FreeSWITCH 话单的时区",
        "Time zone of the records of Asterisk and FreeSWITCH",
    ),
    key(
        "log.format",
        Shape::Choice(&["auto", "text", "json"]),
        r#""auto""#,
        "日志格式；auto：终端用文本，否则用JSON",
        "Log format; auto: text on a terminal, else JSON",
    ),
    key("log.level", Shape::Text, r#""info""#, "日志级别或过滤表达式", "Log level or filter directives"),
    key("log.file", Shape::Path, r#""""#, "日志文件；空则写标准错误", "Log file; empty: standard error"),
];

/// Whether it is a list of texts that are all fine.
fn all(value: &toml::Value, fine: impl Fn(&str) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(|item| item.as_str().is_some_and(&fine)))
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The setting whose name differs least from `name`, when it differs little enough to be meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    KEYS.iter().map(|key| (distance(key.name, name), key.name)).min().filter(|(distance, _)| *distance <= 4).map(|(_, name)| name)
}

/// Edit distance of two names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl Shape {
    /// The shape in words.
    pub fn describe(self) -> (String, String) {
        match self {
            Self::Text => ("一段文字".into(), "a text".into()),
            Self::Number(low, high) => (format!("{low} 到 {high} 的整数"), format!("a whole number from {low} to {high}")),
            Self::Address => ("IP:端口，如 127.0.0.1:8443 或 [::1]:8443".into(), "IP:port, such as 127.0.0.1:8443 or [::1]:8443".into()),
            Self::Peer => ("主机:端口，如 smsc.example:2775".into(), "host:port, such as smsc.example:2775".into()),
            Self::Url(starts) => {
                (format!("以 {} 开头的地址", starts.join(" 或 ")), format!("an address starting with {}", starts.join(" or ")))
            }
            Self::Choice(words) => (format!("{} 之一", words.join("、")), format!("one of {}", words.join(", "))),
            Self::Path => ("文件或目录路径".into(), "a path".into()),
            Self::AddressOrNone => ("IP:端口，或空".into(), "IP:port, or empty".into()),
            Self::Listeners => (
                "列表，每项形如 udp:0.0.0.0:5060、tcp:[::]:5060、tls:192.0.2.1:5061".into(),
                "a list of entries such as udp:0.0.0.0:5060, tcp:[::]:5060, tls:192.0.2.1:5061".into(),
            ),
            Self::Files(kinds) => (
                format!("列表，每项为 种类:路径，种类为 {} 之一", kinds.join("、")),
                format!("a list of kind:path, the kind one of {}", kinds.join(", ")),
            ),
            Self::List => ("文字列表，如 [\"a\", \"b\"]".into(), "a list of texts, such as [\"a\", \"b\"]".into()),
        }
    }

    /// Whether the value has this shape.
    pub fn fits(self, value: &toml::Value) -> bool {
        match self {
            Self::Number(low, high) => value.as_integer().is_some_and(|n| (low..=high).contains(&n)),
            Self::List => all(value, |_| true),
            Self::Listeners => all(value, |text| listener(text).is_some()),
            Self::Files(kinds) => all(value, |text| file(kinds, text).is_some()),
            _ => value.as_str().is_some_and(|text| self.fits_text(text)),
        }
    }

    fn fits_text(self, text: &str) -> bool {
        match self {
            Self::Address => text.parse::<std::net::SocketAddr>().is_ok(),
            Self::AddressOrNone => text.is_empty() || text.parse::<std::net::SocketAddr>().is_ok(),
            Self::Peer => {
                text.is_empty() || text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
            }
            Self::Url(starts) => text.is_empty() || starts.iter().any(|start| text.starts_with(start) && text.len() > start.len()),
            Self::Choice(words) => words.contains(&text),
            _ => true,
        }
    }

    /// Reads what came from the environment or `--set`, where everything is text.
    pub fn read(self, text: &str) -> Option<toml::Value> {
        Some(match self {
            Self::Number(..) => toml::Value::Integer(text.trim().parse().ok()?),
            Self::List | Self::Listeners | Self::Files(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                toml::Value::Array(items.map(|item| toml::Value::String(item.to_owned())).collect())
            }
            _ => toml::Value::String(text.to_owned()),
        })
    }
}
