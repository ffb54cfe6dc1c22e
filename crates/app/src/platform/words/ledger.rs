//! 用语: 码号台账, the ledger.

/// Hands these words, before its own, to the macro named first.
macro_rules! ledger_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_ledger: "码号台账", "Ledger";
            ledger_lead: "语音专线与 95、96、400 号码：谁在用、做什么、可显示哪些主叫、谁负责。", "Voice trunks and 95, 96, 400 numbers: who uses them, for what, what they may show, who answers for them.";
            ledger_code: "编号", "Code";
            ledger_code_hint: "专线编号，或号码本身。", "The trunk's code, or the number itself.";
            ledger_subject: "使用主体", "Subject";
            ledger_subject_code: "统一社会信用代码", "Unified social credit code";
            ledger_subject_code_hint: "18 位；不提供给个人。", "18 characters; never for persons.";
            ledger_industry: "行业", "Industry";
            ledger_purpose: "用途", "Purpose";
            ledger_direction: "呼叫方向", "Direction";
            ledger_callers: "主叫号码集", "Allowed callers";
            ledger_callers_hint: "3 至 20 位数字，号段写作数字加 *，用逗号分隔。", "3 to 20 digits; a block as digits and *; commas between.";
            ledger_access_point: "接入地点", "Access point";
            ledger_unit: "责任单位", "Accountable unit";
            ledger_owner: "责任人工号", "Accountable staff no.";
            ledger_defects: "问题", "Defects";
            ledger_correct_by: "整改期限", "To be corrected by";
            ledger_terms: "使用条件", "Terms of use";
            ledger_clauses: "协议条款", "Clauses";
            ledger_per_callee: "每被叫每日次数", "Calls per callee a day";
            ledger_per_day: "每日次数", "Calls a day";
            ledger_blacklist: "不良名单", "Black list";
            ledger_listed: "在名单中", "Listed";
            ledger_out_of_scope: "范围不符", "Out of scope";
            ledger_version: "版本", "Version";
            ledger_new: "受理申请", "New application";
            ledger_new_lead: "仅限单位，仅限自有实体营业厅受理；逐项核验材料后勾选。", "Organisations only, own halls only; tick each document you have verified.";
            ledger_vet: "审查通过", "Pass vetting";
            ledger_open: "开通", "Open";
            ledger_set_callers: "变更主叫集", "Change callers";
            ledger_find: "认定问题", "Record a defect";
            ledger_correct: "整改完成", "Corrected";
            ledger_repurpose: "变更用途", "Change purpose";
            ledger_approval: "批准文号", "Approval number";
            ledger_shut_down: "关停", "Shut down";
            ledger_file: "批量导入", "Import";
            ledger_file_lead: "先试运行。错误的行逐条说明，正确的行照常入库，重复导入不会增加。", "Try it first. Wrong rows are told one by one, good rows land, the same file again adds nothing.";
            ledger_file_text: "CSV 内容", "CSV text";
            ledger_dry_run: "试运行，不写入", "Trial, nothing is written";
            ledger_take: "导入", "Import";
            ledger_result: "结果", "Result";
            ledger_rows: "读取行数", "Rows read";
            ledger_row: "第", "Row";
            ledger_entered: "新增", "Entered";
            ledger_would_enter: "将新增", "Would enter";
            ledger_known: "已存在", "Already there";
            ledger_rejected: "退回", "Rejected";
            $($rest)*
        }
    };
}
pub(super) use ledger_words;
