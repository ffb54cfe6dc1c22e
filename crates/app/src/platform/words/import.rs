//! 用语: 存量导入, the base brought over.

/// Hands these words, before its own, to the macro named first.
macro_rules! import_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_import: "存量导入", "Base import";
            import_lead: "把既有用户导入：逐行校验，密封保存，定出非实名类别。", "Bring existing subscribers over: each row checked, sealed, and given its kind.";
            import_new: "导入文件", "Import a file";
            import_form_lead: "文件密封保存，导入后即销毁。更大的文件请用命令行 chuangsha import。", "The file is kept sealed and destroyed once it is in. For larger files use chuangsha import at the terminal.";
            import_file: "文件", "File";
            import_file_hint: "CSV（UTF-8 或 GB18030）、XLSX 或 Parquet，首行为表头：手机号码、姓名、证件类型、证件号码、地址、地市、渠道类型、入网日期等。", "CSV (UTF-8 or GB18030), XLSX or Parquet; the first row is the heading: number, name, document_kind, document_number, address, region, channel_kind, since and others.";
            import_mapping: "字段映射", "Mapping";
            import_mapping_hint: "TOML，留空则按常见中英文表头识别。列名不同时写 [columns]，下一行起写 number = \"列名\"；number、region、since 必须有。", "TOML; left empty, the usual headings are known. For other headings write [columns] and, on the lines below, number = \"heading\"; number, region and since must be there.";
            import_dry_run: "只试运行，不写入", "Only a trial: write nothing";
            import_start: "提交", "Send";
            import_trial: "试运行结果", "What the trial found";
            import_counts: "导入结果", "What became of it";
            import_rows: "读入行", "Rows";
            import_landed: "新增", "Landed";
            import_known: "已在库", "There already";
            import_rejected: "退回", "Refused";
            import_unverified: "a 未认证", "a Never verified";
            import_incomplete: "b 信息不完整", "b Incomplete";
            import_holder_differs: "c 人机不符", "c Holder differs";
            import_group_card: "d 集团卡", "d Group card";
            import_rejects: "退回行", "Refused rows";
            import_rejects_download: "下载退回文件", "Download the reject file";
            import_row: "行号", "Row";
            import_field: "字段", "Field";
            import_look_again: "刷新进度", "Refresh progress";
            import_cancel: "停止导入", "Stop the import";
            import_cancel_lead: "已写入的保留；文件随即销毁，再次上传可从断点继续。", "What landed stays. The file is destroyed; send it again to go on.";
            import_empty_hint: "还没有导入过文件。", "No file was imported yet.";
            menu_excess: "一证多号", "Too many numbers";
            excess_lead: "一人名下号码满五个或超过上限的，由本人当面逐号核验：保留、放弃或非本人。", "Persons with five numbers or more say at the counter, number by number, what they keep, give up, or never had.";
            excess_case: "核对", "Case";
            excess_numbers: "发现时号码数", "Numbers when found";
            excess_most: "上限", "Limit";
            excess_outcome: "结果", "Outcome";
            excess_found: "发现时间", "Found";
            excess_since: "入网 {}", "In service since {}";
            excess_open: "待核对", "Open";
            excess_settled: "已办结", "Settled";
            excess_keep: "保留", "Kept";
            excess_give_up: "放弃", "Given up";
            excess_not_mine: "非本人", "Not theirs";
            excess_settle: "办结", "Settle";
            excess_form_lead: "本人到场，逐号选择；最多保留 {} 个。放弃的随即终止，非本人的随即解除关联并停机。", "The person is present and chooses for each; {} may be kept. What is given up ends at once, what is not theirs leaves their name and is stopped at once.";
            excess_beyond: "超出上限", "Beyond the limit";
            excess_reverify: "满五个号码，逐一重核", "At the limit: each verified again";
            excess_reverify_lead: "本人到场，逐号核验；最多保留 {} 个。放弃的随即终止，非本人的随即解除关联并停机。", "The person is present and each number is verified; {} may be kept. What is given up ends at once, what is not theirs leaves their name and is stopped.";
            excess_words: "办理说明（在何处、看了何证件）", "Where it was settled and which document was seen";
            $($rest)*
        }
    };
}

pub(super) use import_words;
