//! 用语: every word of the console, Chinese and English side by side. A missing one does not compile.

use chuangsha_kernel::problem::Language;

mod field;
mod hotline;
mod import;
mod ledger;
mod remediation;
mod screening;
mod subscriber;
mod suspension;

/// The words below and those of the areas that have a file of their own, one after the other.
macro_rules! words {
    ($($own:tt)*) => { subscriber::subscriber_words! { and_ledger! $($own)* } };
}

macro_rules! and_ledger {
    ($($own:tt)*) => { ledger::ledger_words! { and_field! $($own)* } };
}

macro_rules! and_field {
    ($($own:tt)*) => { field::field_words! { and_screening! $($own)* } };
}

macro_rules! and_screening {
    ($($own:tt)*) => { screening::screening_words! { and_import! $($own)* } };
}

macro_rules! and_import {
    ($($own:tt)*) => { import::import_words! { and_remediation! $($own)* } };
}

macro_rules! and_remediation {
    ($($own:tt)*) => { remediation::remediation_words! { and_suspension! $($own)* } };
}

macro_rules! and_suspension {
    ($($own:tt)*) => { suspension::suspension_words! { and_hotline! $($own)* } };
}

macro_rules! and_hotline {
    ($($own:tt)*) => { hotline::hotline_words! { declare! $($own)* } };
}

/// Declares [`Words`] and its two tables.
macro_rules! declare {
    ($($name:ident: $chinese:literal, $english:literal;)*) => {
        /// Every word of the console in one language.
        #[derive(Debug)]
        pub struct Words { $(#[doc = $english] pub $name: &'static str,)* }

        static CHINESE: Words = Words { $($name: $chinese,)* };
        static ENGLISH: Words = Words { $($name: $english,)* };

        impl Words {
            /// Name, Chinese, English of every word, for the tests.
            pub const ALL: &'static [(&'static str, &'static str, &'static str)] = &[$((stringify!($name), $chinese, $english)),*];
        }
    };
}

impl Words {
    /// The words of a language.
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::Chinese => &CHINESE,
            Language::English => &ENGLISH,
        }
    }
}

/// Of words in both languages those of one.
pub const fn said(language: Language, words: (&'static str, &'static str)) -> &'static str {
    match language {
        Language::Chinese => words.0,
        Language::English => words.1,
    }
}

/// Puts a value in the place of the first `{}`.
pub fn fill(text: &str, value: impl std::fmt::Display) -> String {
    text.replacen("{}", &value.to_string(), 1)
}

words! {
    product: "窗纱", "Chuangsha";
    product_long: "窗纱 · 通信合规核心", "Chuangsha · telecom compliance core";
    product_about: "谁持有号码、谁可以呼叫谁、谁看过谁的信息——每一步都有依据、有记录、可核验。", "Who holds which number, who may call whom, who looked at whose data: every step has its rule, its record and its proof.";
    promise_seal: "客户信息逐人加密，默认脱敏显示", "Customer data is sealed per person and masked by default";
    promise_audit: "查看即留痕，审计日志可由外部校验", "Every look is recorded; the audit log can be verified from outside";
    promise_gate: "未经集中审核，不开通通信服务", "No audit, no service";

    skip: "跳到正文", "Skip to content";
    menu: "主菜单", "Main menu";
    trail: "当前位置", "You are here";
    close: "关闭", "Close";
    cancel: "取消", "Cancel";
    save: "保存", "Save";
    confirm: "确定", "Confirm";
    log_out: "退出", "Sign out";
    text_large: "大字", "Large text";
    text_normal: "标准字", "Normal text";
    appearance: "显示", "Display";
    theme_auto: "外观随系统", "Theme of the device";
    theme_light: "浅色", "Light theme";
    theme_dark: "深色", "Dark theme";
    staff_number: "工号", "Staff no.";
    to_start: "返回首页", "Back to start";
    incident: "事件号", "Incident number";
    not_found: "没有这个页面", "There is no such page";
    not_found_remedy: "地址可能有误，或您没有查看权限。", "The address may be wrong, or you may not see what is there.";
    failed: "系统出错，已记录", "Something went wrong on our side; it has been recorded";
    failed_remedy: "请稍后重试；若仍失败，把事件号告诉管理员。", "Try again shortly; if it persists, give the incident number to an administrator.";

    menu_work: "我的待办", "My work";
    menu_overview: "总览", "Overview";
    menu_capture: "实名登记", "Register";
    menu_audit_queue: "审核队列", "Audit queue";
    menu_orders: "登记单", "Orders";
    menu_channels: "渠道", "Channels";
    menu_people: "人员", "People";
    menu_network: "开通死信", "Dead letters";
    menu_audit: "审计日志", "Audit log";

    search: "查询", "Search";
    reset: "重置", "Reset";
    all: "全部", "All";
    choose: "请选择", "Please choose";
    position: "序号", "No.";
    actions: "操作", "Actions";
    rows_total: "共 {} 条", "{} in total";
    pages: "分页", "Pages";
    page_size: "每页", "Per page";
    first_page: "首页", "First";
    previous_page: "上一页", "Previous";
    next_page: "下一页", "Next";
    chosen: "条已选", "chosen";
    page_number: "第 {} 页", "Page {}";
    loading: "正在加载", "Loading";
    choose_page: "选择本页全部", "Choose all on this page";
    choose_all: "选择全部 {} 条符合条件", "Choose all {} that match";
    column_choice: "列设置", "Columns";
    density_dense: "紧凑", "Compact";
    density_normal: "宽松", "Comfortable";
    export: "导出", "Export";
    reload: "刷新", "Reload";
    choose_line: "选择第", "Choose line";
    show_table: "查看数据表", "Show as table";
    day: "日期", "Day";
    item: "项目", "Item";
    no_figures: "暂无数据", "No figures yet";
    unit_ten_thousand: "万", "K";
    unit_hundred_million: "亿", "M";
    nothing_found: "没有符合条件的记录", "Nothing matches";
    nothing_found_hint: "放宽条件后再查询，或点“重置”。", "Widen the conditions and search again, or press Reset.";
    open: "查看", "Open";
    remove: "删除", "Remove";
    add: "新建", "New";
    since_yesterday: "较昨日", "vs yesterday";
    from: "从", "From";
    until: "至", "Until";
    status: "状态", "Status";
    region: "地市", "City";
    channel: "渠道", "Channel";
    span_days: "{} 天", "{} d";
    span_hours: "{} 小时", "{} h";
    span_minutes: "{} 分", "{} min";
    span_seconds: "{} 秒", "{} s";
    outlet: "网点", "Outlet";
    time: "时间", "Time";
    number: "号码", "Number";
    name: "姓名", "Name";
    organisation: "单位", "Organisation";
    role: "岗位", "Role";
    reason: "原因", "Reason";
    note: "说明", "Note";
    kind: "类型", "Kind";
    none_yet: "暂无", "None yet";
    shown_for: "{} 秒后自动隐藏；本次查看已记入访问记录。", "Hidden after {} seconds; this look is in the access record.";

    staff_login: "工号", "Staff number";
    password: "密码", "Password";
    log_in_heading: "工作人员登录", "Staff sign-in";
    log_in_next: "下一步", "Continue";
    second_step: "第二步验证", "Second step";
    totp: "动态口令", "One-time code";
    totp_hint: "打开口令应用，输入 6 位数字。", "Open your authenticator and enter the 6 digits.";
    verify: "验证", "Verify";
    passkey_use: "使用通行密钥", "Use a passkey";
    passkey_needs: "此浏览器不支持通行密钥，或验证已取消。请使用支持通行密钥的浏览器，并通过 https 打开本页。", "This browser has no passkeys, or the check was cancelled. Use a browser with passkeys and open this page over https.";
    passkey_lead: "您的岗位须使用通行密钥。", "Your role signs in with a passkey.";
    start_again: "重新登录", "Start again";
    signed_out: "已退出", "You have signed out";

    my_work_lead: "按时限先后排列，先办等得最久的。", "Ordered by deadline: the longest wait comes first.";
    work_mine: "我的待办", "Waiting for me";
    work_empty: "没有待办", "Nothing waits for you";
    work_empty_hint: "新任务到达后会出现在这里。", "New tasks appear here.";
    waited: "等待", "Waited";
    held_by: "领取人", "Held by";
    held_by_me: "我", "me";
    card_waiting: "待审核", "Waiting for audit";
    card_returned: "退回待重采", "Returned to recapture";
    card_drafts: "未完成登记", "Unfinished orders";
    overdue_of_it: "超时 {}", "{} overdue";
    api_title: "接口说明", "Interface";
    api_lead: "供其他系统调用的 JSON 接口；错误按 RFC 9457 返回，中英文各一份。", "The JSON interface for other systems; errors follow RFC 9457, in Chinese and English.";
    api_operation: "操作", "Operation";
    api_about: "说明", "What it does";
    api_takes: "参数与请求体", "Takes";
    api_gives: "返回", "Gives";
    api_shapes: "数据类型", "Types";
    unit_orders: "单", "orders";
    unit_percent: "%", "%";

    overview_lead: "数字随登记实时累加；点任意数字查看其后的登记单。", "Counted as orders happen; follow any figure to the orders behind it.";
    figures_days: "时间", "Period";
    of_base: "在网 {} 户", "{} subscribers";
    rejected: "驳回", "Rejected";
    days_today: "今日", "Today";
    days_7: "近 7 日", "7 days";
    days_30: "近 30 日", "30 days";
    rate_new: "新入网实名率", "Real-name rate, new";
    rate_base: "在网实名率", "Real-name rate, base";
    card_approved: "今日通过", "Approved today";
    card_unregistered: "存量未实名", "Base not registered";
    city_channel: "地市 × 渠道 实名率", "Real-name rate by city and channel";
    rank: "排名", "Rank";
    total: "合计", "Total";
    trend: "近 14 日走势", "Last 14 days";
    trend_about: "提交与通过的登记单，每日一点。", "Orders submitted and approved, one point a day.";
    submitted: "提交", "Submitted";
    approved: "通过", "Approved";
    own_hall: "自营厅", "Own halls";
    social_outlet: "社会渠道", "Social outlets";
    online: "网上", "Online";

    capture: "实名登记", "Registration";
    capture_new: "新登记", "New registration";
    steps: "步骤", "Steps";
    step_done: "已完成", "done";
    step_number: "选号", "Number";
    step_document: "证件", "Document";
    step_portrait: "人像", "Portrait";
    step_signature: "签名", "Signature";
    step_submit: "提交", "Submit";
    step_next: "下一步", "Continue";
    step_back: "上一步", "Back";
    step_keep: "继续登记", "Continue";
    number_lead: "先核对客户要办的业务，再选号。未查验证件原件，不得售卡。", "Agree on what the customer wants, then pick the number. No original document, no sale.";
    customer: "客户类型", "Customer";
    customer_individual: "个人", "Individual";
    customer_group: "单位（集团）", "Organisation (group)";
    product_kind: "业务", "Product";
    product_voice: "移动电话卡", "Mobile phone card";
    product_data: "无线上网卡", "Data card";
    product_iot: "物联网卡", "IoT card";
    mode: "受理方式", "Mode";
    mode_counter: "现场受理", "At the counter";
    mode_online_delivery: "线上选号、配送", "Online, delivered";
    mode_online_collect: "线上选号、到厅取卡", "Online, collected in hall";
    pick_number: "可选号码", "Available numbers";
    more_numbers: "换一批", "Other numbers";
    document_lead: "查验原件后填写；社会渠道只收二代居民身份证并须用读卡器读取。", "Fill in after seeing the original; a social outlet takes the resident ID only, through a reader.";
    document_kind: "证件类型", "Document";
    document_number: "证件号码", "Document number";
    document_number_hint: "居民身份证 18 位，末位可为 X。", "A resident ID has 18 places; the last may be X.";
    entry_mode: "录入方式", "Entry";
    entry_reader: "读卡器", "Reader";
    entry_ocr: "影像识别", "From the picture";
    entry_mrz: "机读区", "Machine-readable zone";
    entry_manual: "手工录入", "By hand";
    entry_upload: "网上上传", "Uploaded online";
    original_seen: "已查验证件原件，与本人一致", "I have seen the original document and it is this person's";
    holder_name: "姓名", "Name";
    address: "地址", "Address";
    valid_from: "签发日期", "Issued";
    valid_until: "有效期至", "Valid until";
    valid_until_hint: "长期有效的证件请留空。", "Leave empty for a document valid for life.";
    contact_phone: "联系电话", "Contact phone";
    passport_country: "签发国代码", "Issuing state code";
    passport_country_hint: "护照填三位字母代码。", "Three letters, for passports.";
    front: "证件正面", "Document, front";
    back: "证件背面", "Document, back";
    photo: "现场照片", "Live photo";
    signature: "签名", "Signature";
    agent_document: "代理人证件", "Agent's document";
    organisation_certificate: "单位证照", "Organisation certificate";
    picture_hint: "拍摄或选取文件；JPEG、PNG 或 WebP，入库前加水印并加密。", "Take a picture or choose a file (JPEG, PNG or WebP); it is watermarked and sealed.";
    signature_hint: "请客户在框内签名；也可上传签名图片。", "The customer signs in the box; a picture of a signature may be uploaded instead.";
    signature_area: "签名区，可用鼠标、手指或笔书写；不便书写时请上传图片", "Signing area for mouse, finger or pen; upload a picture where writing is not possible";
    sign_again: "重签", "Clear";
    signed: "已签名", "Signed";
    camera_start: "打开摄像头", "Open camera";
    camera_take: "拍摄", "Take picture";
    camera_again: "重拍", "Take again";
    camera_denied: "无法使用摄像头：请允许访问，或直接选取文件。", "The camera cannot be used: allow access, or choose a file.";
    camera_taken: "已拍摄", "Picture taken";
    camera_dark: "已拍摄，但画面过暗，建议重拍。", "Taken, but too dark: better take it again.";
    camera_glare: "已拍摄，但有反光，建议重拍。", "Taken, but with glare: better take it again.";
    preview: "刚拍摄的照片", "The picture just taken";
    portrait_lead: "现场拍摄客户本人。人脸比对不是唯一方式，客户可选择人工核验。", "Photograph the customer now. The machine's comparison is not the only way: the customer may choose a person.";
    face_declined: "客户不同意机器比对，改由人工核验", "The customer declines the machine's comparison; people will check";
    signature_lead: "请向客户说明：电话卡不得买卖、出租、出借；号码限本人使用。", "Tell the customer: a card may not be sold, rented or lent; the number is for its holder.";
    submit_lead: "核对无误后提交集中审核。审核通过前不会开通。", "Check, then submit to the central audit. Nothing is activated before it is approved.";
    submit_order: "提交审核", "Submit for audit";
    proxy: "代办（须登记代理人证件）", "By proxy (the agent's document is recorded too)";
    proxy_hint: "代理人与客户本人的证件都要查验并登记。", "Both documents are seen and recorded.";
    agent_name: "代理人姓名", "Agent's name";
    agent_number: "代理人证件号码", "Agent's document number";
    group_name: "单位名称", "Organisation name";
    group_code: "统一社会信用代码", "Unified social credit code";
    clause_signed: "协议已载明实名登记义务", "The agreement carries the real-name clause";
    rules_here: "本步规则", "Rules of this step";
    rule_original: "查验有效证件原件", "See the original valid document";
    rule_no_document: "不出示有效证件，不得售卡", "No document, no sale";
    rule_photo: "证件拍照上传并集中审核", "Photograph, upload, central audit";
    rule_limit: "同一证件号码数量不超过上限", "No more numbers than the limit per person";
    rule_channel: "社会渠道仅限二代居民身份证", "Social outlets: resident ID only";
    rule_proxy: "代办须登记双方证件", "By proxy: both documents";
    rule_live: "现场照片留存", "A photo taken on the spot is kept";
    rule_face: "人脸比对不得作为唯一方式", "Face comparison is never the only way";
    rule_resale: "禁止买卖、出租、出借电话卡", "No selling, renting or lending of cards";
    rule_gate: "未经集中审核，不得开通", "No service before the central audit";
    rule_mark: "影像加注单位、用途、日期水印", "Pictures carry operator, purpose and date";
    cancel_order: "取消登记", "Cancel order";
    cancel_order_lead: "取消后预占的号码与名额立即释放，不能恢复。", "The number and the slot are freed at once; this cannot be undone.";

    order: "登记单", "Order";
    order_code: "单号", "Order";
    orders_lead: "本单位的登记单；姓名与号码均已脱敏。", "Orders you may see; names and numbers are masked.";
    holder: "客户", "Customer";
    created: "登记时间", "Created";
    updated: "更新时间", "Updated";
    clerk: "经办人", "Clerk";
    auditor: "审核人", "Auditor";
    tab_overview: "概览", "Overview";
    tab_document: "证件", "Document";
    tab_timeline: "时间线", "Timeline";
    tab_access: "访问记录", "Access record";
    timeline: "时间线", "Timeline";
    access_empty: "还没有人查看过明文", "Nobody has looked at clear text";
    documents: "证件影像", "Document images";
    no_pictures: "没有可查看的影像", "No images to see";
    article: "条款", "Article";
    system: "系统", "System";
    by: "操作人", "By";
    what: "操作", "Action";
    reveal: "查看明文", "Show in clear";
    reveal_lead: "只显示一个字段 60 秒；写入访问记录，并向客户公开。", "Shows one field for 60 seconds; it goes into the access record, which the customer can see.";
    reveal_field: "字段", "Field";
    purpose: "用途", "Purpose";
    purpose_words: "说明（必填）", "Reason in words";
    purpose_audit: "登记审核", "Registration audit";
    purpose_customer_call: "客户来电核实", "The customer calls to check";
    purpose_complaint: "投诉处理", "Complaint";
    purpose_lawful_request: "依法协助", "Request by law";
    reveal_left: "今日剩余 {} 次", "{} left today";
    party: "对象", "Whose";
    party_holder: "客户", "Customer";
    party_agent: "代理人", "Agent";
    party_organisation: "单位", "Organisation";
    party_handler: "经办人", "Handling person";
    quota_used: "名下号码", "Numbers held";

    claim: "领取", "Claim";
    claim_next: "领取下一件", "Claim next";
    continue_case: "继续", "Continue";
    release: "放回队列", "Put back";
    queue_mine: "我的", "Mine";
    queue_unclaimed: "待认领", "Unclaimed";
    queue_returned: "退回", "Returned";
    queue_escalated: "二级审核", "Second level";
    queue_recheck: "抽检", "Re-check";
    queue_all: "全部", "All";
    queues: "队列", "Queues";
    queue_empty: "队列是空的", "The queue is empty";
    queue_empty_hint: "新提交的登记单核验完成后会出现在这里。", "Orders appear here once submitted and checked.";
    queue_none: "尚未领取", "Nothing claimed";
    queue_none_hint: "点“领取下一件”，或从列表中领取一件。", "Press Claim next, or claim one from the list.";
    claimed_by_me: "已由我领取，剩余", "Claimed by me, left";
    lease_over: "已到期，请重新领取", "Expired: claim it again";
    risk: "风险", "Risk";
    risk_high: "高", "High";
    risk_medium: "中", "Medium";
    risk_low: "低", "Low";
    field: "字段", "Field";
    declared: "申报", "Declared";
    verified: "核验", "Verified";
    checks: "核验项", "Checks";
    check_original: "原件查验", "Original seen";
    check_pictures: "证件照已上传", "Pictures uploaded";
    check_digit: "号码校验位", "Check digit";
    check_validity: "证件有效期", "Validity";
    check_network: "联网核验", "Networked check";
    check_face: "人像比对", "Face comparison";
    check_limit: "号码数量", "Number limit";
    check_passed: "通过", "Passed";
    check_failed: "不通过", "Failed";
    check_waiting: "待核验", "Waiting";
    check_match: "一致", "Match";
    check_mismatch: "不一致", "Mismatch";
    check_not_found: "库中无此证", "Not on record";
    check_human: "人工核验", "By people";
    approve_next: "通过并下一件", "Approve, next";
    approve: "通过", "Approve";
    return_order: "要求重拍", "Return";
    return_lead: "勾选需要重新采集的部分；经办人会看到。", "Mark what must be captured again; the clerk sees it.";
    defects: "缺陷", "Defects";
    reject: "驳回", "Reject";
    reject_lead: "驳回后名额与号码释放；客户收到原因、补救办法和所需材料。", "The slot and the number are freed; the customer is told reason, remedy and documents needed.";
    escalate: "转二级审核", "Escalate";
    escalate_lead: "由两名不同的高级审核员共同决定。", "Two different senior auditors decide.";
    gate_note: "审核未通过前不会开通。审核人与采集人不属同一单位。", "Nothing is activated before approval. The auditor is of another organisation than the clerk.";
    viewer: "证件影像查看", "Document viewer";
    zoom_in: "放大", "Zoom in";
    zoom_out: "缩小", "Zoom out";
    zoom: "放大、缩小", "Zoom in, zoom out";
    rotate: "旋转", "Rotate";
    whole: "整图", "Whole picture";
    keys: "快捷键", "Keys";
    keys_help: "快捷键说明", "Key help";
    key_move: "在列表中上下移动", "Move in the list";
    key_open: "打开所选", "Open the chosen one";
    vote_approve: "同意通过", "Vote to approve";
    vote_reject: "同意驳回", "Vote to reject";
    vote: "二级审核", "Second-level decision";
    vote_lead: "由两名不同的高级审核员分别判定。", "Two different senior auditors judge, each alone.";
    first_vote_given: "已有一票", "One vote given";
    recheck: "抽检", "Second look";
    recheck_lead: "由未经手此单的审核员复看。", "Somebody who did not approve it looks again.";
    recheck_sound: "无误", "Sound";
    recheck_unsound: "有问题", "Not sound";
    deliver: "交付核对", "Compare at delivery";
    deliver_lead: "核对交付时出示的证件与提交的一致；不一致则驳回并释放名额。", "The document shown at delivery must be the one submitted; another one rejects the order and frees the slot.";
    warning_read: "已向客户说明不得买卖、出租、出借电话卡", "The customer was told that cards may not be sold, rented or lent";
    hall_only: "持其他证件的客户请到自有营业厅", "With any other document, go to an own hall";
    agent: "代理人", "Agent";
    same_person: "同一客户的其他登记单", "Other orders of the same customer";
    facts: "依据", "Facts";
    from_network: "来源网络", "From network";
    capture_offers_none: "本市暂无空闲号码", "No free number in this city";
    pictures_missing: "还需影像", "Pictures still needed";
    pictures_ready: "影像齐全", "All pictures are there";
    rates_none: "尚无数据", "No figures yet";
    views: "保存的视图", "Saved views";
    view_save: "保存视图", "Save view";
    view_name: "视图名称", "Name of the view";

    defect_document_blurred: "证件模糊", "Document blurred";
    defect_document_glare: "证件反光", "Document with glare";
    defect_document_cropped: "证件不完整", "Document cropped";
    defect_photo_unclear: "现场照片不清", "Photo unclear";
    defect_signature_unclear: "签名缺失或不清", "Signature missing or unclear";
    defect_fields_wrong: "填写有误", "Fields wrong";
    defect_agent_incomplete: "代理人材料不全", "Agent's papers incomplete";

    reject_not_the_holder: "人证不符", "Not the holder of the document";
    reject_forged_document: "证件伪造或涂改", "Forged or altered document";
    reject_expired_document: "证件过期", "Expired document";
    reject_check_failed: "联网核验不一致", "Networked check failed";
    reject_quota_full: "超出号码数量限制", "Over the limit of numbers";
    reject_agent_unauthorised: "代理无授权", "Agent without authority";
    reject_delivery_mismatch: "交付时证件不符", "Other document at delivery";
    reject_other: "其他", "Other";

    state_draft: "草稿", "Draft";
    state_reserved: "已预占", "Reserved";
    state_captured: "已采集", "Captured";
    state_submitted: "待审核", "Waiting for audit";
    state_auditing: "审核中", "In audit";
    state_returned: "退回重采", "Returned";
    state_escalated: "二级审核", "Escalated";
    state_approved: "审核通过", "Approved";
    state_delivery_pending: "待交付", "To be delivered";
    state_activating: "开通中", "Activating";
    state_activated: "已开通", "Activated";
    state_rejected: "已驳回", "Rejected";
    state_cancelled: "已取消", "Cancelled";
    state_expired: "已过期", "Expired";

    channels_lead: "准入、培训与受理范围；状态变化即时生效。", "Admission, training and what each may do; changes take effect at once.";
    channel_code: "渠道编码", "Code";
    channel_kind: "渠道类型", "Kind";
    channel_state: "准入状态", "Admission";
    channel_clauses: "合同条款", "Contract clauses";
    channel_trained: "培训有效", "Training valid";
    channel_level: "层级", "Level";
    channel_level_one: "一级（不得发展下级）", "First level (no sub-agents)";
    channel_change: "变更状态", "Change state";
    channel_orders: "登记单", "Orders";

    channel_state_applied: "已申请", "Applied";
    channel_state_vetted: "已审查", "Vetted";
    channel_state_signed: "已签约", "Signed";
    channel_state_active: "正常", "Active";
    channel_state_warned: "已警告", "Warned";
    channel_state_suspended: "已暂停", "Suspended";
    channel_state_terminated: "已终止", "Terminated";
    channel_state_blacklisted: "黑名单", "Blacklisted";
    clause_real_name_duty: "实名登记义务", "Real-name duty";
    clause_breach_handling: "违约处置", "Breach handling";
    clause_no_sub_agents: "不得发展下级代理", "No sub-agents";
    clause_information_protection: "个人信息保护", "Protection of personal data";
    clause_no_resale: "禁止买卖出租出借电话卡", "No selling, renting, lending of cards";
    violation: "违规", "Violation";
    violations: "违规与处罚", "Violations and penalties";
    violation_minor: "轻微违规", "Minor";
    violation_not_registered: "未实名登记", "Not registered";
    violation_false_registration: "虚假登记", "False registration";
    violation_bulk_opening: "批量开卡", "Bulk opening";
    violation_card_farming: "养卡", "Card farming";
    violation_sub_agent: "发展下级代理", "Sub-agent";
    responsible_unit: "责任单位", "Responsible unit";
    responsible_post: "责任岗位", "Responsible post";
    penalise: "处罚", "Penalise";
    penalise_lead: "未实名、虚假登记、批量开卡、养卡或发展下级：立即终止并列入黑名单。", "Anything but a minor violation ends the cooperation at once and blacklists the outlet.";
    step_vet: "审查通过", "Vet";
    step_vet_lead: "转为已审查，可以签约；尚不能受理登记。", "The outlet is vetted and a contract can be signed; it registers nobody yet.";
    step_sign: "签约", "Sign";
    step_sign_lead: "条款齐备方可签约；开通权限后才能受理登记。", "Every clause is needed. Signed, the outlet registers nobody until it is opened.";
    step_equip: "登记装备", "Record equipment";
    step_equip_lead: "取代原登记；营业厅须两项齐备方可开通。", "It takes the place of what was recorded; a counter needs both before it is opened.";
    step_open: "开通权限", "Open";
    step_open_lead: "条款与所需装备齐备、有培训合格人员的，随即可以受理登记。", "With its clauses, the equipment it needs and a trained clerk the outlet registers people at once.";
    step_suspend: "暂停", "Suspend";
    step_suspend_lead: "随即不能受理新的登记；条件齐备后可以恢复。", "It takes no new registrations from now on; it can be resumed.";
    step_resume: "恢复", "Resume";
    step_resume_lead: "条款、所需装备、培训齐备的，随即恢复受理登记；警告次数保留。", "With its clauses, the equipment it needs and a trained clerk it registers people again at once; its warnings stay.";
    step_terminate: "终止合作", "Terminate";
    step_terminate_lead: "不能恢复；该渠道全部人员立即失去会话与权限。", "It cannot be undone; everybody of the channel loses sessions and rights at once.";
    reader: "读卡器", "ID reader";
    registration_app: "统一登记应用", "Registration app";
    present: "有", "Yes";
    absent: "无", "No";
    visits: "走访与暗访", "Visits";
    visit_passed: "合格", "Passed";
    visit_failed: "不合格", "Failed";
    responsible: "责任单位", "Responsible unit";
    warnings: "警告次数", "Warnings";
    change_password: "修改密码", "Change password";
    change_password_lead: "首次登录须修改密码。新密码不少于 12 个字符。", "The first password must be changed. A new one has at least 12 characters.";
    password_old: "原密码", "Old password";
    password_new: "新密码", "New password";
    enrol: "登记第二因素", "Enrol a second factor";
    enrol_totp_lead: "在口令应用中录入下面的密钥，然后输入第一组 6 位数字。", "Enter this key in your authenticator, then type its first 6 digits.";
    enrol_key: "密钥", "Key";
    enrol_passkey: "登记通行密钥", "Enrol a passkey";
    passkey_name: "设备名称", "Device name";
    step_up_heading: "重新验证", "Verify again";
    step_up_lead: "此操作须再次验证第二因素。", "This needs your second factor again.";
    people_lead: "工作人员、岗位与会话；离职即刻收回全部权限。", "Staff, roles and sessions; a leaver loses everything at once.";
    person: "人员", "Person";
    roles: "岗位", "Roles";
    training: "培训", "Training";
    training_until: "有效期至 {}", "valid until {}";
    training_none: "无有效培训", "no valid training";
    factor: "第二因子", "Second factor";
    factor_totp: "动态口令", "One-time code";
    factor_passkey: "通行密钥", "Passkey";
    factor_none: "未设置", "None";
    staff_active: "在岗", "Active";
    staff_left: "离职", "Left";
    staff_leave: "办理离职", "Record as leaver";
    staff_leave_lead: "全部会话、数据流与密钥在一秒内失效。", "All sessions, streams and keys end within a second.";
    sessions: "会话", "Sessions";
    my_sessions: "我的会话", "My sessions";
    sessions_lead: "不认识的会话请立即结束，并修改密码。", "End what you do not know, and change your password.";
    session_started: "登录时间", "Signed in";
    session_seen: "最近使用", "Last used";
    session_from: "来源网络", "From network";
    session_end: "结束", "End";

    dead_lead: "多次重试仍未成功的开通命令；查明原因后重试。", "Activation commands that failed after all retries; find the cause, then retry.";
    dead_empty: "没有死信", "No dead letters";
    dead_empty_hint: "所有命令都已送达或仍在重试。", "Every command has arrived or is still being retried.";
    dead_retry: "重试", "Retry";
    dead_topic: "通道", "Path";
    dead_topic_network: "开通命令", "Network commands";
    dead_topic_verify: "联网核验", "Networked checks";
    dead_topic_sms: "短信", "Messages";
    dead_attempts: "尝试次数", "Attempts";
    dead_error: "最后错误", "Last error";
    dead_since: "进入时间", "Since";

    audit_lead: "只增不改；每一步都有签名检查点，可由外部校验。", "Only ever grows; signed checkpoints let anyone outside verify it.";
    audit_size: "日志条数", "Entries";
    audit_checkpoint: "最近检查点", "Last checkpoint";
    audit_root: "根哈希", "Root hash";
    audit_pending: "待编号", "Not yet in the tree";
    audit_sequence: "链高", "Index";
    audit_action: "操作", "Action";
    audit_case: "对象", "Case";

    done_saved: "已保存", "Saved";
    done_claimed: "已领取", "Claimed";
    done_approved: "已通过", "Approved";
    done_returned: "已退回重采", "Returned";
    done_rejected: "已驳回", "Rejected";
    done_escalated: "已转二级审核", "Escalated";
    done_released: "已放回队列", "Put back";
    done_submitted: "已提交审核", "Submitted for audit";
    done_cancelled: "已取消", "Cancelled";
    done_retried: "已重新排入发送", "Queued again";
    done_ended: "会话已结束", "Session ended";
    done_left: "已办理离职，全部会话已失效", "Recorded as leaver; all sessions ended";
    done_changed: "状态已变更", "State changed";
    done_voted: "已投票", "Vote given";
    done_checked: "抽检已记录", "Second look recorded";
    done_delivered: "已交付核对", "Compared at delivery";
    queue_done: "队列已处理完", "Nothing left in the queue";

    // ---- overview
    activated: "已开通", "Activated";
    returned: "退回", "Returned";
    funnel: "登记漏斗", "From submission to activation";
    funnel_about: "所选时间内各环节的登记单数。", "Orders at each stage in the chosen period.";
    city_map: "地市实名率分布", "Real-name rate by city";
    city_map_about: "每格一个地市，按行政区划代码排列；点击查看该地市。", "One tile a city, in the order of their codes; follow one to its figures.";
    alerts: "预警", "Alerts";
    alerts_none: "目前没有需要处理的预警。", "Nothing calls for attention now.";
    alert_late: "超时", "Overdue";
    alert_fault: "故障", "Fault";
    alert_watch: "关注", "Watch";
    alert_overdue: "{} 张登记单超过审核时限", "{} orders are past the audit clock";
    alert_dead: "{} 条网络指令、短信或核验请求未送达", "{} commands, messages or checks were given up";
    alert_reveals: "今日查看明文达到 {} 次的人员：{} 人", "People with {} or more reveals today: {}";
    alert_warned: "{} 个网点处于警告状态", "{} outlets are under a warning";
    print: "打印", "Print";

    // ---- audit review
    assign: "转派", "Assign";
    assignee: "转派给（工号）", "Assign to (staff no.)";
    number_nth: "第 {} 号", "No. {}";
    number_last: "第 {} 号（上限）", "No. {} (the limit)";
    check_limit_of: "号码数量（上限 {} 个）", "Number limit ({} at most)";
    check_digit_why: "证件号码末位由前 17 位按 GB 11643 算出，录入时已核对。", "The last character follows from the first 17 by GB 11643; it was checked as it was entered.";
    run_out_note: "领取已到期，登记单回到队列，目前无人领取。重新领取后继续，已填写的内容保留。", "Your claim ran out and nobody holds the order. Claim it again to go on; what you typed is kept.";
    voted_note: "您已投票，须由另一名高级审核员投第二票。", "You have voted; the second vote is another senior's.";
    not_alone_note: "有核验项未通过，单人不能通过：请退回、驳回或转二级审核。", "A check did not pass, so one auditor cannot approve: return, reject or escalate.";
    claim_again: "重新领取", "Claim again";
    claim_and: "重新领取并{}", "Claim again, then: {}";
    recheck_sound_next: "无误并下一件", "Sound, next";
    words_kept: "您填写的说明", "What you wrote";
    final_note: "通过、驳回和投票不能撤销：通知与开通指令随之发出。未作结论前可放回队列。", "Approval, rejection and votes cannot be undone: the customer is told and the network commanded at once. Before that you may put the order back.";
    compare_pictures: "并排比对", "Compare";
    compare_right: "右侧", "On the right";
    same_person_orders: "同人其他登记单", "Other orders of this person";
    lay_beside: "证件并排", "Documents side by side";
    beside_now: "正在并排", "Side by side now";
    key_space: "选中或取消当前行", "Choose or unchoose the line";
    key_digit: "选择影像；在对话框中选择原因", "Choose a picture; in a dialog, a reason";
    key_send: "发送对话框", "Send the dialog";
    key_space_name: "空格", "Space";
    // The living page of parts.
    parts_title: "组件一览", "Parts";
    parts_lead: "控制台由这些组件构成；名称与代码一致。", "What the console is made of, under the names of the code.";
    parts_index: "组件目录", "Index of parts";
    parts_all: "全部样式", "All kinds";
    parts_filled: "有内容", "Filled";
    parts_empty: "空", "Empty";
    parts_wrong: "有错误", "Wrong";
    parts_gap: "缺数据", "With a gap";
    parts_one: "单个数值", "One value";
    parts_stacked: "堆叠", "Stacked";
    // 作业与导出 jobs and files
    menu_jobs: "我的作业", "My jobs";
    jobs_lead: "批量操作与大文件在后台进行；只有发起人能看到，离职即失效。", "Batches and large files go on in the background. Only whoever asked sees them; they end with a leaver.";
    jobs_empty_hint: "在列表上选择多条记录后发起批量操作，或导出一个大列表。", "Choose many lines of a list for a batch, or export a large list.";
    jobs_asked_at: "发起时间", "Asked";
    job: "作业", "Job";
    job_total: "总数", "Total";
    job_done: "完成", "Done";
    job_failed: "失败", "Failed";
    job_started: "开始时间", "Started";
    job_ended: "结束时间", "Ended";
    job_state_waiting: "待开始", "Waiting";
    job_state_running: "进行中", "Running";
    job_state_done: "已完成", "Done";
    job_state_failed: "已停止", "Stopped";
    job_state_cancelled: "已取消", "Cancelled";
    job_state_ended: "已失效", "Void";
    job_undo: "将于 {} 开始；此前取消不影响任何记录。", "Starts at {}; cancelled before that, no line is touched.";
    job_progress: "已完成 {}%", "{}% done";
    job_how_far: "进度", "Progress";
    job_back: "返回列表", "Back to the list";
    job_cancel: "取消作业", "Cancel the job";
    job_report: "失败明细", "What was refused";
    job_line: "记录", "Line";
    job_code: "代码", "Code";
    job_remedy: "办法", "Remedy";
    file: "文件", "File";
    file_size: "大小", "Size";
    file_left: "还可下载", "Downloads left";
    file_gone_at: "销毁时间", "Destroyed at";
    file_fetch: "下载", "Download";
    since: "自 {} 起", "since {}";
    format_xlsx: "XLSX（推荐；每格为文本）", "XLSX (for people; every cell is text)";
    format_csv_bom: "CSV UTF-8（带 BOM，Excel 直接打开）", "CSV UTF-8 with BOM (opens in Excel)";
    format_csv_gb18030: "CSV GB18030（旧版 WPS、监管工具）", "CSV GB18030 (older programs)";
    format_csv: "CSV UTF-8（供程序读取）", "CSV UTF-8 (for programs)";
    purpose_report: "报表统计", "Report";
    purpose_rectification: "整改核对", "Rectification";
    export_format: "文件格式", "Form of file";
    export_lead: "{}：共 {} 条符合条件。导出当前显示的列，个人信息保持脱敏；导出记入审计日志。", "{}: {} lines match. The columns shown are taken, personal data stays masked, and it is on record.";
    export_now: "文件当即下载。", "The file is given at once.";
    export_later: "数量较多，由后台作业生成；完成后在“我的作业”下载。", "There are many lines: a job makes the file. Fetch it under My jobs.";
    export_list: "列表", "List";
    export_by: "导出人工号", "Taken by";
    export_at: "导出时间", "Taken at";
    export_filter: "条件：{}", "Filter: {}";
    export_masking: "个人信息", "Personal data";
    export_masked: "脱敏", "masked";
    export_sheet: "说明", "About";
    export_clear: "含明文（须另一人批准，文件带水印）", "In clear (another person approves; the file is marked)";
    export_clear_hint: "姓名、号码等以明文写入文件；用途限投诉处理、依法协助、监督检查，须填工单号。", "Names and numbers stand in the file as they are; for a complaint, a request by law or an inspection, with its case.";
    export_case: "工单号（明文导出必填）", "Case (needed in clear)";
    export_in_clear: "明文", "in clear";
    done_batch: "已完成 {} 条，失败 {} 条", "{} done, {} failed";
    done_batch_failed: "已完成 {} 条，失败 {} 条；明细见“我的作业”", "{} done, {} failed; see My jobs for which and why";
    // ---- kept forms ----
    kept_lead: "您之前填写的内容已保留，请核对后重新提交。密码和图片须重新填写。", "What you typed was kept. Check it and send it again; passwords and pictures have to be given anew.";
    kept_texts: "您之前填写的内容", "What you typed before";

    // ---- taking people in ----
    joiner_new: "新建人员", "New person";
    joiner_take_in: "建立账号", "Create the account";
    joiner_lead: "只能在您管理的单位内建立账号。岗位须与单位类别相符，互斥的岗位不能由同一人担任。", "Accounts are created in the organisations you manage. Roles must fit the organisation; roles that exclude each other are not one person's.";
    joiner_number_hint: "1 至 20 个字母、数字或连字符；离职人员的工号不再使用。", "1 to 20 letters, digits or hyphens; a leaver's number is not used again.";
    joiner_find: "单位名称", "Name of the organisation";
    joiner_find_hint: "填写名称的一部分；找到多个时再从列表中选择。", "Part of the name; where several fit, a list is offered.";
    joiner_password: "首次口令", "First password";
    joiner_password_lead: "首次口令只显示这一次。请当面告知本人；首次登录时须更改口令并登记第二因素。", "The first password is shown this once. Tell it to the person; at first sign-in it is changed and a second factor is enrolled.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_something_and_take_the_same_values() {
        for (name, chinese, english) in Words::ALL {
            assert!(!chinese.is_empty(), "{name} has no Chinese");
            assert_eq!(chinese.matches("{}").count(), english.matches("{}").count(), "{name} takes other values in English");
            assert!(!english.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}: Chinese in the English words");
        }
    }

    #[test]
    fn no_template_has_words_of_its_own() {
        let mut templates = Vec::new();
        collect(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut templates);
        assert!(templates.len() > 10, "templates are found");
        for path in templates {
            let text = std::fs::read_to_string(&path).unwrap();
            let foreign = text.chars().find(|c| ('\u{4e00}'..='\u{9fff}').contains(c));
            assert_eq!(foreign, None, "{} has words outside the table", path.display());
        }
    }

    fn collect(folder: &std::path::Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                into.push(path);
            }
        }
    }

    #[test]
    fn a_value_goes_where_the_braces_are() {
        assert_eq!(fill(Words::of(Language::Chinese).rows_total, "12,586"), "共 12,586 条");
        assert_eq!(fill(Words::of(Language::English).rows_total, 3), "3 in total");
    }
}
