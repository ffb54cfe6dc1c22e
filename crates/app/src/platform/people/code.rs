//! What this module refuses, in both languages.

chuangsha_kernel::codes! {
    CREDENTIALS = "people.credentials", 401, "工号或口令不正确", "Staff number or password is wrong", "请检查工号、口令和大小写；忘记口令请联系管理员重置", "Check number, password and letter case; an administrator can reset a forgotten password";
    SECOND_FACTOR = "people.second_factor", 401, "动态口令不正确或已使用过", "The one-time code is wrong or was used before", "请等待下一组口令（30 秒内）后重试", "Wait for the next code (within 30 seconds) and try again";
    PASSKEY = "people.passkey", 401, "通行密钥验证未通过", "The passkey was not accepted", "请用登记过的设备重试；设备丢失请联系管理员", "Try again with the device you enrolled; if it is lost, ask an administrator";
    FACTOR_REQUIRED = "people.factor_required", 403, "该岗位须先完成第二因素验证", "This role must complete its second factor first", "请在登录页登记或使用通行密钥或动态口令", "Enrol or use a passkey or one-time code on the sign-in page";
    PASSWORD_CHANGE = "people.password_change", 403, "首次登录须先修改口令", "The first password must be changed first", "请在登录页设置新口令", "Set a new password on the sign-in page";
    THROTTLED = "people.throttled", 429, "尝试次数过多，请 {seconds} 秒后再试", "Too many tries; try again in {seconds} seconds", "其他地址和已登录过的设备不受影响", "Other addresses and devices you have signed in from are not affected";
    BUSY = "people.busy", 503, "登录繁忙", "Too many people are signing in", "请几秒后重试", "Try again in a few seconds";
    PASSWORD_SHORT = "people.password_short", 422, "口令少于 {min} 个字符", "The password has fewer than {min} characters", "请使用 {min} 至 {max} 个字符，可用空格和任何文字", "Use {min} to {max} characters; spaces and any script are welcome";
    PASSWORD_LONG = "people.password_long", 422, "口令超过 {max} 个字符", "The password has more than {max} characters", "请使用 {min} 至 {max} 个字符", "Use {min} to {max} characters";
    PASSWORD_WEAK = "people.password_weak", 422, "口令过于简单（重复字符或含工号）", "The password is too simple (repeats itself or holds the staff number)", "请换一个不含工号、不重复的口令", "Choose one without the staff number and without repetition";
    NUMBER_INVALID = "people.number_invalid", 422, "工号格式不正确", "The staff number has the wrong form", "工号为 1 至 20 位字母、数字或连字符", "A staff number is 1 to 20 letters, digits or hyphens";
    NUMBER_TAKEN = "people.number_taken", 409, "工号已被使用", "The staff number is in use", "请换一个工号；离职人员的工号不再使用", "Choose another; numbers of leavers are not used again";
    NAME_INVALID = "people.name_invalid", 422, "姓名须为 1 至 64 个字符", "A name has 1 to 64 characters", "请检查姓名", "Check the name";
    ROLE_UNKNOWN = "people.role_unknown", 422, "没有这个岗位", "There is no such role", "请从岗位列表中选择", "Choose from the list of roles";
    ROLE_CONFLICT = "people.role_conflict", 422, "岗位不相容（规则 {rule}：{zh}）", "These roles may not be held together (rule {rule}: {en})", "请由不同的人担任", "Give them to different people";
    ROLE_MISFIT = "people.role_misfit", 422, "该类组织不设此岗位（{role}）", "This kind of organisation has no such role ({role})", "请选择适合该组织的岗位", "Choose a role this organisation employs";
    OWN_RECORD = "people.own_record", 403, "不能办理本人的人员记录", "Nobody manages the own record", "请由另一位管理员办理", "Ask another administrator";
    STAFF_NOT_FOUND = "people.staff_not_found", 404, "没有此人员", "There is no such member of staff", "请检查编号", "Check the id";
    STAFF_LEFT = "people.staff_left", 409, "该人员已离职", "This member of staff has left", "无需再次办理", "Nothing more is to be done";
    ORGANISATION_NOT_FOUND = "people.organisation_not_found", 404, "没有此组织", "There is no such organisation", "请检查编号", "Check the id";
    ORGANISATION_CHOOSE = "people.organisation_choose", 422, "请选择一个单位", "Choose one organisation", "名称不唯一或没有填写；请写得更完整，或从列表中选择", "The name is missing or fits several: write more of it, or choose from the list";
    ORGANISATION_ENDED = "people.organisation_ended", 409, "该组织已终止", "This organisation has ended", "请选择在用的组织", "Choose one that is active";
    SESSION_NOT_FOUND = "people.session_not_found", 404, "没有此会话", "There is no such session", "它可能已经结束", "It may have ended already";
    KEY_NOT_FOUND = "people.key_not_found", 404, "没有此接口密钥", "There is no such API key", "它可能已被吊销", "It may have been revoked already";
    KEY_SCOPE = "people.key_scope", 403, "接口密钥不含此操作（{action}）", "The API key does not hold this action ({action})", "请由管理员签发含此操作的密钥", "Have an administrator issue a key with this action";
    KEY_FIELDS = "people.key_fields", 422, "接口密钥的名称、操作或有效期不正确", "Name, actions or days of the API key are wrong", "名称 1 至 64 个字符，至少一项本岗位具有的操作，有效期 1 至 365 天", "Name of 1 to 64 characters, at least one action your role has, 1 to 365 days";
    DENIED = "people.denied", 403, "{zh}", "{en}", "如确需办理，请联系管理员", "If your work needs it, ask an administrator";
    STEP_UP = "people.step_up", 403, "此操作须重新验证第二因素（{zh}）", "This needs your second factor again ({en})", "请再次使用通行密钥后重试", "Use your passkey again, then retry";
    ENROL_NEEDS_FACTOR = "people.enrol_needs_factor", 403, "登记新的第二因素须先使用已有的第二因素", "Enrolling another factor needs the one you have", "请先用已有的动态口令或通行密钥验证", "Use your one-time code or passkey first";
    CEREMONY_GONE = "people.ceremony_gone", 409, "验证已过期或已完成", "This ceremony has expired or is done", "请重新开始", "Start again";
}
