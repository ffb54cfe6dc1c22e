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
    ("chuangsha config", "查看配置"),
    ("chuangsha config check", "检查文件、环境变量与选项；一切正常时不输出"),
    ("chuangsha config print", "打印生效的配置及其来源；密钥不显示"),
    ("--defaults", "改为打印带注释的缺省配置文件"),
    ("chuangsha config schema", "打印配置文件的 JSON Schema"),
    ("chuangsha audit", "核验与见证审计日志"),
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
    ("--port", "回环端口；0 取空闲端口"),
    ("--behaviour", "对每个请求如此应答：match、slow:毫秒、status:码、garbage……；写错时列出全部"),
    ("--seed", "决定哪些证件相符"),
    ("chuangsha bench", "测速，并列出同场测得的基线；请用发布版"),
    ("--group", "测什么"),
    ("chuangsha doctor", "检查本机与本安装"),
    ("chuangsha completions", "打印命令补全脚本"),
    ("--shell", "哪种 shell"),
];

fn chinese(key: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
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
    let command = command.mut_args(|argument| match chinese(&format!("--{}", argument.get_id())) {
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
        found.extend(command.get_arguments().map(|argument| format!("--{}", argument.get_id())).filter(|key| chinese(key).is_none()));
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
