//! What can be wrong with a configuration.

use chuangsha_kernel::codes;

codes! {
    UNKNOWN = "config.unknown_key", 400,
        "没有名为 {key} 的配置项", "there is no setting named {key}",
        "是否想写 {hint}？", "did you mean {hint}?";
    MISSHAPEN = "config.wrong_shape", 400,
        "{key}（来自 {origin}）的值不对", "the value of {key} (from {origin}) is wrong",
        "应为{shape_zh}；缺省为 {default}", "it must be {shape_en}; the default is {default}";
    MISSING = "config.missing", 400,
        "当 {when} 时必须设置 {key}", "{key} must be set when {when}",
        "在配置文件、环境变量或 --set 中设置 {key}", "set {key} in the file, the environment or with --set";
    NOT_TOML = "config.not_toml", 400,
        "第 {line} 行不是有效的 TOML：{reason}", "line {line} is not valid TOML: {reason}",
        "改正该行后运行 chuangsha config check", "mend that line, then run chuangsha config check";
    UNREADABLE = "config.unreadable", 400,
        "读不到 {path}：{reason}", "cannot read {path}: {reason}",
        "检查路径与文件权限", "check the path and the permissions of the file";
    NOT_A_PAIR = "config.not_a_pair", 400,
        "--set 的写法是 配置项=值", "--set takes key=value",
        "例如 --set server.listen=127.0.0.1:8443", "for example --set server.listen=127.0.0.1:8443";
}
