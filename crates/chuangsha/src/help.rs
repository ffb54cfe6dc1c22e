//! 中文帮助: the Chinese help, by command and argument. A test refuses a command or an argument without its line.

use chuangsha_kernel::problem::Language;
use clap::Command;

/// `command path` or `command path --argument` → Chinese. An argument without a path serves every command.
static CHINESE: &[(&str, &str)] = &[
    ("chuangsha", "窗纱：号码归谁、谁能打给谁、谁看过谁的信息"),
    ("--config", "配置文件 [缺省：存在时用 chuangsha.toml]"),
    ("--data", "数据目录 [缺省：./data]"),
    ("--set", "设置一项，如 server.listen=127.0.0.1:8443"),
    ("--lang", "消息语言"),
    ("--json", "以 JSON 回答"),
    ("--quiet", "只输出所问的内容与错误"),
    ("--help", "显示帮助"),
    ("--version", "显示版本"),
    ("chuangsha serve", "运行服务"),
    ("--demo", "先生成一个演示省，并用模拟器充当外部网络"),
    ("--plain_http", "使用明文 HTTP：仅限前面另有 TLS 代理"),
    ("chuangsha demo", "演示省的帐号与动态口令"),
    ("chuangsha demo logins", "列出全部帐号"),
    ("chuangsha demo code", "打印某帐号此刻的动态口令"),
    ("--number", "工号，如 D0001"),
    ("chuangsha openapi", "打印 JSON 接口说明(OpenAPI 3.1)"),
    ("chuangsha config", "查看配置"),
    ("chuangsha config check", "检查文件、环境变量与选项；一切正常时不输出"),
    ("chuangsha config print", "打印生效的配置及其来源；密钥不显示"),
    ("--defaults", "改为打印带注释的缺省配置文件"),
    ("chuangsha config schema", "打印配置文件的 JSON Schema"),
    ("chuangsha store", "迁移、核验、备份与恢复数据"),
    ("chuangsha store copy", "把全部数据复制到另一个库并比对：SQLite 与 PostgreSQL 互迁；须先停服"),
    ("--to", "目标，如 postgres://用户:口令@主机/库"),
    ("--replace", "覆盖目标中的数据"),
    ("chuangsha store verify", "重新检查全库的结构、表定义与不变式"),
    ("chuangsha store backup", "在线备份并读回核对"),
    ("chuangsha store restore", "恢复备份；须先停服"),
    ("--verify", "只检查备份是否完整"),
    ("chuangsha store migrate", "把表结构升级到本版本"),
    ("--dry_run", "只说明将做什么"),
    ("chuangsha rules", "查现行规则，检查规则包"),
    ("chuangsha rules check", "检查内置规则包与本地规则包：本地只能更严"),
    ("--files", "本地规则包 [缺省：rules.local 所列]"),
    ("chuangsha rules list", "列出现行规则：值、条款、出处"),
    ("--part", "规则名的一部分，如 limit"),
    ("chuangsha rules list --on", "日期，如 2026-11-22 [缺省：今天]"),
    ("chuangsha bench --kill", "与 sip 同用：改为在每秒 4 万个呼叫中强杀本程序并重启，看每个呼叫是否都继续接续"),
    ("chuangsha bench --soak", "与 sip 同用：改为以每秒 2 万个呼叫持续若干分钟，看内存是否平稳"),
    ("chuangsha bench --broken", "与 import 同用：改为导入一份全是坏行的文件，逐行退回并说明原因"),
    ("chuangsha bench --province_year", "与 remediation 同用：按一个种子模拟一个省的一年，逐日核对每项承诺"),
    ("chuangsha bench --subscribers", "模拟的用户数，全部走完规则"),
    ("chuangsha bench --through", "其中走完数据库与全部接口的用户数"),
    ("chuangsha bench --on", "测量用数据库所在目录，应与正式数据同盘"),
    ("chuangsha bench --store", "只在这种库上测 [缺省：本机所有]"),
    ("chuangsha import", "导入既有用户"),
    ("chuangsha import subscribers", "导入号码及机主：CSV、XLSX 或 Parquet；中断后再次执行即从断点继续"),
    ("chuangsha import subscribers --files", "文件，依次导入"),
    ("--mapping", "字段映射文件 [缺省：按常见表头识别]"),
    ("--rejects", "退回行与原因写到何处 [缺省：与文件同目录，名为 文件.rejects.csv]"),
    ("--rows_per_batch", "每个事务的行数"),
    ("chuangsha audit", "导出、核验与见证审计日志"),
    ("chuangsha audit export", "把整份日志及其检查点写成一个文件"),
    ("--out", "要写的新文件 [缺省：标准输出；证书为 destruction-月份.json]"),
    ("chuangsha rules explain", "列出登记单的每一次判定：条款、规则、事实"),
    ("--order", "单号或编号"),
    ("--replay", "按所记事实把每次判定重算一遍"),
    ("chuangsha vault", "密钥：分布、换钥、按月销毁"),
    ("chuangsha vault status", "按密钥域、版本与销毁桶统计数据密钥"),
    ("chuangsha vault rotate", "为一个密钥域换新版本并移动全部数据密钥；中断后再运行即续作"),
    ("--domain", "identity、documents、calls、audit、export、messages 或 staff"),
    ("--batch", "每个事务移动的数据密钥数"),
    ("chuangsha vault end-service", "记录服务终止；客户资料随其月份到期"),
    ("chuangsha vault end-service --on", "终止日期，如 2026-11-22 [缺省：此刻]"),
    ("--why", "理由"),
    ("chuangsha vault destroy-bucket", "销毁某月到期的资料，所有副本一并失效；须先停服"),
    ("--month", "月份，如 2028-11"),
    ("--approver", "批准人的工号；须两名"),
    ("chuangsha vault certificate", "重新出具销毁证书"),
    ("chuangsha vault check", "只凭证书与公钥核验销毁证书"),
    ("chuangsha people", "在终端建立帐号"),
    ("chuangsha people create-administrator", "为新安装建立首名系统管理员；须先停服"),
    ("chuangsha people create-administrator --number", "工号，即登录名"),
    ("chuangsha people create-administrator --name", "姓名 [缺省：工号]"),
    ("--organisation", "运营商名称；尚无时建立"),
    ("--organisation_en", "运营商英文名称"),
    ("--password_file", "首行为口令的文件 [缺省：询问，或读标准输入]"),
    ("--force", "已有管理员时仍然新增"),
    ("chuangsha audit verify", "只凭导出文件与公钥核验"),
    ("--file", "文件"),
    ("--key", "公钥，或存有公钥的文件"),
    ("--seen", "见证方保存的检查点"),
    ("chuangsha audit key", "打印本安装日志的公钥"),
    ("chuangsha audit witness", "在别处保存日志的最后检查点，只为延续它的检查点会签"),
    ("--name", "见证方名称（主机名）"),
    ("--state", "存放见证方密钥与最后检查点的目录"),
    ("--listen", "监听地址"),
    ("chuangsha world", "手动运行外部世界的模拟器"),
    ("chuangsha world verification", "核验中心：联网核验与人像比对(HTTP)"),
    ("chuangsha world network", "网元：TMF640 形式的业务开通"),
    ("chuangsha world reader", "读卡桥接：网点电脑上的身份证阅读器"),
    ("chuangsha world reader --token", "页面须出示的令牌，即 capture.reader_token"),
    ("chuangsha world reader --origin", "只放行此来源的页面，如 https://localhost:8443；不给则放行任何来源"),
    ("chuangsha world calls", "话务：演示省的正常与异常呼叫，向信令边缘发起"),
    ("chuangsha world calls --to", "信令边缘的地址，见 serve --demo 的输出"),
    ("chuangsha world calls --hep", "其 HEP3 监听地址，用以告知呼叫如何结束"),
    ("chuangsha world calls --rate", "每秒呼叫数"),
    ("chuangsha world calls --count", "呼叫总数"),
    ("chuangsha world calls --seed", "种子相同，呼叫相同"),
    ("chuangsha world smsc", "短信中心：SMPP 3.4"),
    ("chuangsha world ismg", "中国移动短信网关：CMPP 2.0 与 3.0"),
    ("--account", "接受的帐号，即 sms.cmpp_account"),
    ("--secret", "帐号的共享密码"),
    ("--system_id", "接受的帐号"),
    ("--password", "帐号口令，最多八个字符"),
    ("--port", "回环端口；0 取空闲端口"),
    ("--behaviour", "对每个请求如此应答：match、slow:毫秒、status:码、garbage……；写错时列出全部"),
    ("--seed", "决定哪些证件相符"),
    ("chuangsha bench", "测速，并列出同场测得的基线；请用发布版"),
    ("--group", "测什么"),
    ("--seconds", "每项存储测量的秒数"),
    ("--orders", "测审核队列时库中的登记单数"),
    ("--callers", "有记录的主叫数与被叫数；全规模为 10000000"),
    ("--numbers", "索引中的号码数；全规模为 100000000"),
    ("--accuracy", "改为模拟城市一日，报告误判与查全"),
    ("--people", "模拟城市的人数"),
    ("chuangsha screen", "查看来电甄别引擎"),
    ("chuangsha screen replay", "把记录的呼叫重新判定一遍：每行一个 JSON，每次呼叫输出一行"),
    ("chuangsha screen list", "把数百万行的号码文件导入一个名单：服务运行与否均可"),
    ("chuangsha screen list --list", "名单：bad、suspect、category、ported、preference"),
    ("chuangsha screen list --file", "CSV 文件（列同名单导入页）或 JSON 数组"),
    ("--rows", "文件应有的行数；不符则整个不导入"),
    ("chuangsha screen replay --file", "快照、呼叫与结果的文件；- 读标准输入"),
    ("chuangsha doctor", "检查本机与本安装"),
    ("chuangsha completions", "打印命令补全脚本"),
    ("--shell", "哪种 shell"),
];

fn chinese(key: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
}

/// An argument of one command, else the argument of that name of every command.
fn for_argument(path: &str, id: &str) -> Option<&'static str> {
    chinese(&format!("{path} --{id}")).or_else(|| chinese(&format!("--{id}")))
}

/// The command with its help in the language.
pub fn localise(command: Command, language: Language) -> Command {
    match language {
        Language::English => command,
        Language::Chinese => {
            let mut command = command;
            command.build();
            translate(command, "chuangsha")
        }
    }
}

fn translate(command: Command, path: &str) -> Command {
    let command = match chinese(path) {
        Some(text) => command.about(text).long_about(None),
        None => command,
    };
    let path = path.to_owned();
    let command = command.mut_args(|argument| match for_argument(&path, argument.get_id().as_str()) {
        Some(text) => argument.help(text),
        None => argument,
    });
    let command = command.help_template("{about-with-newline}\n用法: {usage}\n\n{all-args}").subcommand_help_heading("命令");
    command.mut_subcommands(move |sub| {
        let path = format!("{path} {}", sub.get_name());
        translate(sub, &path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn missing(command: &Command, path: &str, found: &mut Vec<String>) {
        if chinese(path).is_none() {
            found.push(path.to_owned());
        }
        let arguments = command.get_arguments().map(|argument| argument.get_id().as_str());
        found.extend(arguments.filter(|id| for_argument(path, id).is_none()).map(|id| format!("{path} --{id}")));
        for sub in command.get_subcommands() {
            missing(sub, &format!("{path} {}", sub.get_name()), found);
        }
    }

    #[test]
    fn every_command_and_argument_has_chinese_help() {
        let mut found = Vec::new();
        missing(&crate::cli::Cli::command(), "chuangsha", &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn the_command_line_is_sound_in_both_languages() {
        crate::cli::Cli::command().debug_assert();
        let help = localise(crate::cli::Cli::command(), Language::Chinese).render_help().to_string();
        assert!(help.contains("运行服务") && !help.contains("Run the server"), "{help}");
    }
}
