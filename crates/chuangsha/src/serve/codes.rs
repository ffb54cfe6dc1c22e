//! What can keep the server from starting.

use chuangsha_kernel::codes;

codes! {
    DATA_IN_USE = "serve.data_in_use", 503,
        "数据目录 {path} 正被另一个窗纱进程（进程号 {pid}）使用", "the data directory {path} is in use by another chuangsha (process {pid})",
        "先停止它，或用 --data 指定另一个目录", "stop that one first, or name another directory with --data";
    DATA_UNUSABLE = "serve.data_unusable", 500,
        "数据目录 {path} 不可用：{reason}", "the data directory {path} cannot be used: {reason}",
        "检查目录是否存在、可写、磁盘未满", "check that it exists, can be written and that the disk is not full";
    ADDRESS_TAKEN = "serve.address_taken", 503,
        "无法监听 {address}：{reason}", "cannot listen on {address}: {reason}",
        "换一个端口，例如 --set {key}=127.0.0.1:0 取空闲端口", "take another port, for instance --set {key}=127.0.0.1:0 for a free one";
    TLS_UNUSABLE = "serve.tls_unusable", 500,
        "证书或私钥不可用：{reason}", "certificate or private key cannot be used: {reason}",
        "检查 server.tls_certificate 与 server.tls_key；本地证书可删去数据目录下的 tls 目录后重启生成", "check server.tls_certificate and server.tls_key; the local certificate is made anew when the tls folder in the data directory is removed";
    PLAIN_HTTP = "serve.plain_http_not_confirmed", 400,
        "server.tls = \"off\" 但没有加 --plain-http", "server.tls = \"off\" without --plain-http",
        "明文会暴露个人信息：只在前面有 TLS 代理时加 --plain-http", "plain HTTP lays personal data open: add --plain-http only behind a TLS proxy";
    LOG_UNUSABLE = "serve.log_unusable", 400,
        "日志设置不可用：{reason}", "the log settings cannot be used: {reason}",
        "检查 log.level 与 log.file", "check log.level and log.file";
    RUNTIME = "serve.runtime", 500,
        "无法启动运行时：{reason}", "cannot start the runtime: {reason}",
        "检查进程与线程数限制", "check the limits on processes and threads";
    OPERATOR_UNSET = "serve.operator_unset", 400,
        "尚未设置 {key}", "{key} is not set",
        "在 chuangsha.toml 中设置，或先用 chuangsha serve --demo 试用", "set it in chuangsha.toml, or try chuangsha serve --demo first";
    NOT_STARTED = "serve.not_started", 500,
        "未能启动：{reason}", "could not start: {reason}",
        "运行 chuangsha doctor 查看原因", "run chuangsha doctor";
    DEMO_DATA = "serve.not_demo_data", 409,
        "该库已有正式数据，不能加 --demo 启动", "this record holds real data: it does not start with --demo",
        "去掉 --demo，或用 --data 指定另一个目录", "leave out --demo, or name another directory with --data";
    PRODUCTION_ON_DEMO = "serve.demo_data", 409,
        "该数据目录是演示数据，帐号与密钥是公开的", "this data directory holds demo data, whose accounts and secrets are public",
        "用 --demo 启动，或用 --data 指定另一个目录", "start it with --demo, or name another directory with --data";
    NO_DEMO = "serve.no_demo", 404,
        "该目录没有演示数据", "there is no demo data in this directory",
        "先运行 chuangsha serve --demo", "run chuangsha serve --demo first";
    TRUNKS_UNREADABLE = "serve.trunks_unreadable", 500,
        "读不到中继文件 {path}：{reason}", "cannot read the file of trunks {path}: {reason}",
        "检查 sip.trunks 的路径与权限", "check the path in sip.trunks and the permissions of the file";
    SIP_TLS_UNUSABLE = "serve.sip_tls_unusable", 500,
        "信令的证书或私钥不可用：{reason}", "certificate or private key of SIP cannot be used: {reason}",
        "检查 sip.certificate、sip.key 与 sip.authority", "check sip.certificate, sip.key and sip.authority";
    IDENTITY_UNUSABLE = "serve.identity_unusable", 500,
        "{key} 不可用：{reason}", "{key} cannot be used: {reason}",
        "证书须为 PEM，信任锚须为 P-256 公钥；吊销列表为 PEM 或 DER", "certificates must be PEM, anchors with a key on P-256; revocation lists PEM or DER";
    SIGNING_UNUSABLE = "serve.sip_signing_unusable", 500,
        "主叫签名的私钥不可用：{reason}", "the key calls are signed with cannot be used: {reason}",
        "sip.signing_key 须为 P-256 私钥(PKCS #8，PEM)，sip.signing_certificate 须为 https 地址", "sip.signing_key must be a P-256 private key (PKCS #8, PEM), sip.signing_certificate an https address";
    OWN_ADDRESS_UNSET = "serve.sip_own_address_unset", 400,
        "中继 {trunk} 为代理方式，但未设置 sip.own_address", "trunk {trunk} is proxied, but sip.own_address is not set",
        "填写对端可达的本机 IP:端口，或把该中继改为 redirect", "set the IP:port other ends reach this machine at, or make the trunk redirect";
    TIME_ZONE = "serve.sip_time_zone", 400,
        "没有名为 {zone} 的时区", "there is no time zone named {zone}",
        "sip.cdr_zone 写作 Asia/Shanghai 或 UTC", "write sip.cdr_zone as Asia/Shanghai or UTC";
}
