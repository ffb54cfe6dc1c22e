//! 用语: 金库授权与用户 360, a second person and the subscriber's page.

/// Hands these words, before its own, to the macro named first.
macro_rules! subscriber_words {
    ($then:ident! $($rest:tt)*) => {
        $then! {
            menu_second: "金库授权", "Second person";
            second_lead: "高敏操作须另一组织的人批准；批准只用一次。", "High-risk acts need another person of another organisation; an approval serves once.";
            second_waiting: "待批", "Waiting";
            second_mine: "我的申请", "My requests";
            second_decided: "我审批的", "Decided by me";
            second_request: "申请金库授权", "Ask for a second person";
            second_one: "金库授权申请", "Request for a second person";
            second_pictures: "申请查看影像", "Ask to see the pictures";
            second_pictures_lead: "经另一组织的人批准后，本单全部影像可查看一次，限时显示。", "Once somebody of another organisation agrees, all pictures of the order may be seen once, for a limited time.";
            second_cause: "高敏原因", "Why two";
            second_requester: "申请人", "Asked by";
            second_approver: "审批人", "Decided by";
            second_made: "申请时间", "Asked";
            second_until: "有效至", "Good until";
            second_used_at: "使用时间", "Used";
            second_approve: "批准", "Approve";
            second_approve_lead: "批准后申请人可用一次；您的批准写入审计日志。", "The requester may use it once; your approval goes into the audit log.";
            second_refuse: "拒绝", "Refuse";
            second_refuse_lead: "说明会告知申请人。", "The requester is told the reason.";
            second_withdraw: "撤回", "Withdraw";
            second_use: "去使用", "Use it";
            second_empty: "没有申请", "No requests";
            second_empty_hint: "新的申请会出现在这里。", "New requests appear here.";
            second_state_pending: "待批", "Waiting";
            second_state_approved: "已批准", "Approved";
            second_state_refused: "已拒绝", "Refused";
            second_state_withdrawn: "已撤回", "Withdrawn";
            second_state_used: "已使用", "Used";
            second_state_expired: "已过期", "Expired";
            second_state_ended: "已失效", "Void";
            case_reference: "关联工单", "Case";
            case_hint: "来电核实、投诉、依法协助、检查须填，如 T-20931。", "Needed for a call, a complaint, a request by law, an inspection, such as T-20931.";
            done_second_asked: "已提交金库授权申请", "Asked for a second person";
            done_second_approved: "已批准", "Approved";
            done_second_refused: "已拒绝", "Refused";
            done_second_withdrawn: "已撤回", "Withdrawn";
            reveal_words: "说明", "Reason";
            menu_subscribers: "用户", "Subscribers";
            subscribers_lead: "按完整号码或证件号码查询；每次查询都写入访问记录。", "By full number or document number; every look-up goes into the access record.";
            subscriber: "用户", "Subscriber";
            subscriber_search: "查询用户", "Look up a subscriber";
            subscriber_search_lead: "不支持按姓名或部分号码查询。", "There is no search by name or by part of a number.";
            subscriber_by: "查询方式", "By";
            subscriber_by_number: "手机号码", "Mobile number";
            subscriber_value: "号码", "Full number";
            subscriber_on: "哪一天的机主（可空）", "Who had it on (may be empty)";
            subscriber_on_hint: "协查用：按号码查询时填日期，查当日机主；号码重新放号前后不会混淆。留空查当前机主。", "For an authority's question: with a number, whoever had it on that day, also where it was issued anew since. Empty: who has it now.";
            subscriber_value_hint: "填写完整的手机号码或证件号码。", "The whole mobile number or document number.";
            subscriber_number: "号码信息", "Number";
            subscriber_channel: "登记渠道", "Registered at";
            subscriber_since: "入网时间", "In service since";
            subscriber_protected: "重点保护", "Protected";
            subscriber_protect: "列为重点保护", "Protect";
            subscriber_protect_lead: "此后查看其明文须金库授权。", "From then on a look in clear needs a second person.";
            subscriber_unprotect: "取消重点保护", "End protection";
            subscriber_unprotect_lead: "此后查看其明文不再因此须金库授权。", "From then on a look in clear needs no second person for this reason.";
            subscriber_restricted: "限制办理至", "Restricted until";
            service_in: "在网", "In service";
            service_ended: "已终止", "Ended";
            real_name_yes: "已实名", "Registered";
            real_name_no: "未实名", "Not registered";
            quota_slot: "占用名额", "Slot";
            valid_for_life: "长期", "For life";
            withheld_until: "暂不公开至", "Not told before";
            look_searched: "查询用户", "Looked up";
            look_opened: "查看资料", "Opened the record";
            look_masked: "脱敏资料", "Masked data";
            purpose_inspection: "监督检查", "Inspection";
            $($rest)*
        }
    };
}
pub(super) use subscriber_words;
