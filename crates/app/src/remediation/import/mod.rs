//! 存量导入: a carrier's subscribers brought over from files. Each row is checked, what is wrong with its number is put on record with its kind
//! (`R-REM-2`), what cannot be right goes to a reject file; nothing personal lies anywhere in clear.
//!
//! | file | what lives there |
//! |---|---|
//! | mapping | which column is which field |
//! | read | rows out of CSV, XLSX, Parquet |
//! | row | what one row says, and its kind |
//! | seal | keys, blind indexes, sealed texts, on every core |
//! | write | the one way a number of the base lands |
//! | run | from the file to the record, resumable |
//! | rejects | the reject file |
//! | table | all SQL of runs and rejects |
//! | http | the same for programs |
//! | desk | files sent through the console, and the worker that takes them in |
//! | page | the pages |

pub mod desk;
pub mod http;
pub mod mapping;
pub mod page;
pub mod read;
pub mod rejects;
pub mod row;
pub mod run;
pub mod seal;
pub mod table;
pub mod write;

pub use table::{DDL, DDL_2};

/// Codes of this module.
pub mod code {
    chuangsha_kernel::codes! {
        FILE = "import.file", 422, "文件打不开，或读到一半中断", "The file cannot be opened, or reading it broke off half way",
            "确认文件仍在原处、有读取权限、所在磁盘正常，再执行一次，会从断点继续", "Make sure the file is still there, may be read and lies on a sound disk; do it again and it goes on where it was";
        CUT_SHORT = "import.cut_short", 422, "文件以 {format} 开头，却没有 {format} 的结尾：内容不完整", "The file begins as {format} and lacks the end of one: it is not whole",
            "多半是导出或传输中断：核对与源文件的大小，重新导出或重新传输完整的文件", "Most likely the export or the transfer broke off: compare its size with the original and export or send the whole file again";
        XLSX_BROKEN = "import.xlsx_broken", 422, "文件不能按 XLSX 工作簿读出：已损坏、加了密码，或是别的 ZIP 文件", "The file cannot be read as an XLSX workbook: it is damaged, has a password, or is another kind of ZIP file",
            "在表格软件中打开，另存为不加密码的 .xlsx，或另存为 CSV（UTF-8）", "Open it in a spreadsheet program and save it as .xlsx without a password, or as CSV (UTF-8)";
        WORKBOOK_OLD = "import.workbook_old", 422, "文件是旧版工作簿（.xls）或加了密码的工作簿", "The file is a workbook of the old form (.xls), or one with a password",
            "在表格软件中打开，另存为不加密码的 .xlsx，或另存为 CSV（UTF-8）", "Open it in a spreadsheet program and save it as .xlsx without a password, or as CSV (UTF-8)";
        SHEET_MISSING = "import.sheet_missing", 422, "工作簿中没有名为「{sheet}」的工作表", "The workbook has no sheet named \"{sheet}\"",
            "映射文件的 sheet 须与工作表名完全一致；不写则读第一张", "The sheet of the mapping file is the name of one, letter by letter; left out, the first is read";
        PARQUET_BROKEN = "import.parquet_broken", 422, "文件不能按 Parquet 读出：已损坏、已加密，或用了本程序不读的编码", "The file cannot be read as Parquet: it is damaged, encrypted, or uses an encoding this program does not read",
            "重新导出为不加密的 Parquet（PLAIN 或字典编码，SNAPPY、GZIP 或不压缩），或导出为 CSV、XLSX", "Export it again as Parquet without encryption (PLAIN or dictionary encoding; SNAPPY, GZIP or no compression), or as CSV or XLSX";
        PARQUET_COMPRESSION = "import.parquet_compression", 422, "Parquet 文件用 {compression} 压缩，本程序不读这种压缩", "The Parquet file is compressed with {compression}, which this program does not read",
            "重新导出，压缩方式选 SNAPPY、GZIP 或不压缩；或导出为 CSV、XLSX", "Export it again with SNAPPY, GZIP or no compression, or as CSV or XLSX";
        EMPTY = "import.empty", 422, "文件是空的，连表头也没有", "The file is empty, without even a heading",
            "请确认导出成功，首行是表头", "Check the export; the first row is the heading";
        PARQUET_ABSENT = "import.parquet_absent", 422, "本版程序不读 Parquet", "This build reads no Parquet",
            "请转为 CSV 或 XLSX，或换用完整版程序", "Convert it to CSV or XLSX, or use a full build";
        MAPPING = "import.mapping", 422, "映射文件第 {line} 行第 {column} 列的写法不对", "Line {line}, column {column} of the mapping file is not written as a mapping is",
            "每行一项，写在所属的段下：先写 [columns]，下一行写 number = \"列名\"；完整示例见 docs/operate/import.md", "One thing a line, below its part: first [columns], on the next line number = \"heading\"; the whole example is in docs/operate/import.md";
        MAPPING_FIELD = "import.mapping_field", 422, "映射文件中的「{name}」不是可导入的字段", "The mapping file names \"{name}\", which is no field",
            "可用的字段：{fields}", "The fields are {fields}";
        MAPPING_DELIMITER = "import.mapping_delimiter", 422, "映射文件中的 delimiter 须为一个半角字符", "The delimiter of a mapping file is one plain character",
            "例如 delimiter = \";\"；不写则自动识别", "For example delimiter = \";\"; left out, it is found by itself";
        COLUMN_MISSING = "import.column_missing", 422, "找不到字段 {column} 的列", "There is no column for the field {column}",
            "在映射文件的 [columns] 中写明列名，或在 [constants] 中给出固定值", "Name the column under [columns] of a mapping file, or give one value for all rows under [constants]";
        RUNNING = "import.running", 409, "另一进程正在导入 {file}", "Another process is importing {file}",
            "等它结束；若已中断，重新执行会从断点继续", "Wait for it; if it died, run the command again and it goes on where it was";
        REJECTS_FILE = "import.rejects_file", 422, "写不了退回文件：{reason}", "The reject file cannot be written: {reason}",
            "用 --rejects 指定可写的路径；导入本身已提交的部分不受影响", "Name a writable path with --rejects; what was committed is not affected";
        FIELD_MISSING = "import.field_missing", 422, "该字段必填而为空", "The field is required and empty",
            "请补填该字段，或在映射文件中给出固定值", "Fill the field in, or give one value for all rows in the mapping file";
        WORD_UNKNOWN = "import.word_unknown", 422, "该字段的取值不认识", "The word in this field is not known",
            "在映射文件 [values] 中写明其含义", "Say what it means under [values] of the mapping file";
        REGION_UNKNOWN = "import.region_unknown", 422, "地市不是已知的六位编码或名称", "The city is no known code of six digits, nor a known name",
            "请填六位行政区划码，或在映射文件 [values.region] 中对应", "Use the six digits, or translate it under [values.region] of the mapping file";
        DATE_FORM = "import.date_form", 422, "日期格式不认识", "The form of the date is not known",
            "请用 2013-09-01 的写法，或在映射文件 dates 中写明格式", "Write it as 2013-09-01, or give its form under dates of the mapping file";
        DATE_AHEAD = "import.date_ahead", 422, "入网日期在今天之后", "The day of connection lies ahead",
            "请核对日期", "Check the date";
        NUMBER_TAKEN = "import.number_taken", 422, "该号码已在库中，登记在他人名下或无登记", "The number is in the record already, under somebody else or under nobody",
            "核对两边的机主；确系同一人的，在登记单中更正，不要重复导入", "Compare the holders; if it is one person, correct it by an order instead of importing it again";
        NUMBER_BUSY = "import.number_busy", 422, "该号码正被预占、冷冻或已终止", "The number is reserved, in quarantine or ended",
            "等待号码释放，或核对号码", "Wait until the number is free, or check the number";
        PERSON_GONE = "import.person_gone", 422, "此人的资料已按期销毁，不能再次写入", "This person's data was destroyed when its time came and is not written again",
            "请本人到营业厅重新登记", "The person registers again at a hall";
        NOT_FOUND = "import.not_found", 404, "没有这次导入", "There is no such import",
            "请从列表中打开", "Open it from the list";
        NOT_LIVE = "import.not_live", 409, "这次导入已经结束", "This import is over",
            "如需重新导入，请再次上传", "Send the file again to import it once more";
        FILE_GONE = "import.file_gone", 422, "上传的文件已删除", "The file that was sent is gone",
            "请再次上传，导入会从断点继续", "Send it again; the import goes on where it was";
        NO_FILE = "import.no_file", 422, "没有选择文件", "No file was chosen",
            "请选择 CSV、XLSX 或 Parquet 文件", "Choose a CSV, XLSX or Parquet file";
        ENCODING = "import.encoding", 422, "该行有无法识别的字符编码", "The row has characters that cannot be decoded",
            "请以 UTF-8 或 GB18030 重新导出", "Export it again as UTF-8 or GB18030";
        QUOTE = "import.quote", 422, "该行引号不成对", "A quotation mark in the row is not closed",
            "请补全引号；字段内的引号写两次", "Close it; a quotation mark inside a field is written twice";
        ROW_LONG = "import.row_long", 422, "该行超过 64 KiB", "The row is longer than 64 KiB",
            "多半是缺了换行，请核对该行", "Most likely a line break is missing; check the row";
    }
}
