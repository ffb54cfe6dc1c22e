//! 用语: 现场采集, the capture app of clerks, with and without the network.

/// Hands these words, before its own, to the macro named first.
macro_rules! field_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            field_app: "现场采集", "Field capture";
            field_lead: "一屏一事，断网可用：登记单在本机加密暂存，联网后只上传一次。审核通过前不会开通。", "One task a screen, with or without the network: orders wait sealed on this device and are uploaded once. Nothing is activated before the audit.";
            field_open: "现场采集（可离线）", "Field capture (works offline)";
            field_install: "安装到本机", "Install";
            field_console: "控制台", "Console";
            field_no_script: "此页需要 JavaScript。不用脚本请走", "This page needs JavaScript. Without it, use";
            field_online: "已联网", "Online";
            field_offline: "未联网：登记单加密暂存在本机", "Offline: orders wait sealed on this device";
            field_queued: "{} 件待上传", "{} waiting for upload";
            field_queue: "待上传", "Waiting for upload";
            field_queue_empty: "没有待上传的登记单。", "Nothing waits for upload.";
            field_done: "已上传", "Uploaded";
            field_waiting: "等待上传", "Waiting";
            field_refused: "未被受理", "Not taken";
            field_captured_at: "采集于 {}（本机时间）", "Captured {} (this device's clock)";
            field_edit: "修改", "Correct";
            field_remove: "删除", "Delete";
            field_remove_ask: "删除这件登记单？", "Delete this order?";
            field_remove_lead: "删除后不能恢复，客户须重新到场采集。", "It cannot be brought back: the customer would have to come again.";
            field_upload_now: "立即上传", "Upload now";
            field_refresh: "更新规则与号码", "Update rules and numbers";
            field_resume: "继续未完成的采集", "Go on with the unfinished capture";
            field_leave: "返回，稍后继续", "Back, go on later";
            field_limits_lead: "本机限额：", "Limits of this device:";
            field_limits: "最多 {} 件，最长 {} 小时；规则每 {} 小时更新；离网点不超过 {} 米。", "at most {} orders, {} hours old; rules renewed every {} hours; within {} metres of the outlet.";
            field_frozen: "已停止采集", "Capture has stopped";
            field_frozen_first: "请先联网登录一次，取得规则与号码。", "Go online and sign in once, to fetch rules and numbers.";
            field_frozen_count: "本机已有 {} 件待上传，达到限额。请联网上传。", "{} orders wait on this device, which is the limit. Go online to upload them.";
            field_frozen_age: "最早的一件已等待 {} 小时，超过限额。请联网上传。", "The oldest order has waited {} hours, more than the limit. Go online to upload it.";
            field_frozen_rules: "规则已 {} 小时未更新。请联网更新。", "The rules are {} hours old. Go online to update them.";
            field_frozen_far: "距网点 {} 米，超出允许范围。请回到网点。", "This device is {} metres from its outlet: too far. Return to the outlet.";
            field_frozen_place: "无法取得位置：请允许本页使用位置。", "The place is not known: allow this page to use the location.";
            field_frozen_clock: "本机时钟相差 {} 分钟。请校准时钟后联网更新。", "This device's clock is {} minutes off. Set it, then update online.";
            field_place_unset: "网点未登记坐标，不检查距离。", "The outlet's place is not recorded; distance is not checked.";
            field_missing: "本页不是安全连接（HTTPS），以下不可用：摄像头、本机加密暂存、离线、安装。请选取照片文件，并保持联网直接提交。", "This page is not on a secure connection (HTTPS). Not available: camera, sealed storage, offline work, installing. Choose picture files, stay online and submit directly.";
            field_not_kept: "未能上传，且本页不能暂存：请保持此页打开并重试。", "Not uploaded, and this page cannot keep it: leave it open and try again.";
            field_storage_full: "本机存储已满：这一件未能暂存，已暂存的都在。请先上传或清理空间，再点一次“提交”。", "Storage is full: this order was not kept, those before it are safe. Upload or free some space, then submit again.";
            field_sign_in: "登录已结束。登记单仍在本机，登录后继续上传。", "You are signed out. The orders are still here; upload goes on after you sign in.";
            field_sign_in_go: "登录", "Sign in";
            field_other_person: "本机换了登录人，前一人的 {} 件暂存已删除。", "Another person signed in: {} orders of the one before were deleted.";
            field_sign_out_ask: "还有未上传的登记单，仍要退出吗？", "Orders wait for upload. Sign out all the same?";
            field_sign_out_lead: "退出会删除本机全部暂存的登记单。", "Signing out deletes every order kept on this device.";
            field_updated: "已有新版本，本次采集完成后请刷新。", "A new version is ready: reload once this capture is done.";
            field_kept: "已加密暂存，联网后自动上传。", "Sealed on this device; it is uploaded when the network is back.";
            field_taken: "已上传：{}", "Uploaded: {}";
            field_number_lead: "号码在上传时才占用。请客户按意愿依次选，最多 5 个；上传前可能被他人选走。", "A number is held only from the upload on. Let the customer pick up to five in order of preference; others may take one before then.";
            field_wishes: "意向号码（按点选先后）", "Numbers wished for, in the order picked";
            field_any_number: "所选号码都已被占用时，可由系统选本市任一空闲号码", "If all of them are taken, any free number of this city will do";
            field_no_number: "请选择号码，或同意由系统选号。", "Pick a number, or accept any free one.";
            field_read: "读卡", "Read the card";
            field_reading: "正在读卡……", "Reading …";
            field_read_done: "已读卡，请核对。", "Card read; please compare.";
            field_reader_ready: "读卡器：已连接", "Reader: connected";
            field_reader_off: "读卡器：未连接", "Reader: not connected";
            field_reader_no_card: "未检测到证件，请放好证件后重试。", "No card on the reader: place it and try again.";
            field_reader_busy: "读卡器正忙，请稍候重试。", "The reader is busy: try again in a moment.";
            field_reader_refused: "读卡桥接拒绝了请求，请联系管理员核对令牌与来源。", "The reader bridge refused: ask the administrator to check token and origin.";
            field_reader_slow: "读卡超时，请重试。", "Reading took too long: try again.";
            field_file: "选取文件", "Choose a file";
            field_file_bad: "此文件不是可用的图片。", "This file is no usable picture.";
            field_hint_dark: "太暗", "Too dark";
            field_hint_glare: "有反光", "Glare";
            field_hint_blur: "模糊", "Blurred";
            field_hint_frame: "请将证件对准边框", "Fit the document into the frame";
            field_hint_good: "画面清晰，可以拍摄", "Sharp and clear: take it";
            field_need_field: "请填写：{}", "Please fill in: {}";
            field_need_picture: "缺少影像：{}", "A picture is missing: {}";
            field_bad_number: "证件号码校验位不符，请核对。", "The check digit of the document number does not match.";
            field_expired: "证件已过有效期。", "The document has expired.";
            field_need_tick: "请勾选：已查验原件、已宣读提示。", "Tick both: original seen, warning read.";
            offline_capture: "离线采集", "Captured offline";
            offline_device_time: "采集时间（设备）", "Captured (device's clock)";
            offline_server_time: "收到时间（服务器）", "Received (server's clock)";
            offline_clock_off: "设备时钟偏差 {}", "Device clock off by {}";
            $($rest)*
        }
    };
}
pub(super) use field_words;
