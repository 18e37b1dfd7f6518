"""What the pages about signing in, tokens and rights say: key to (English, Chinese)."""

from __future__ import annotations

RIGHTS_WORDS: dict[str, tuple[str, str]] = {
    "wall-what": (
        "This display is open to everybody: it shows no passage, no measurement and nobody's name.",
        "本屏可公开展示：不显示通行记录、体温和任何人的姓名。",
    ),
    "theme.dark": ("Dark", "深色"),
    "theme.light": ("Light", "浅色"),
    "alert-not-yours": (
        "Your role sees alerts but does not acknowledge or end them.",
        "您的角色可查看警报，但不能受理或解除。",
    ),
    "first": ("The first administrator", "首位管理员"),
    "first-what": (
        "Nobody can sign in yet. Whoever fills this in becomes the administrator, and adds the others. It works once.",
        "中心尚无用户。填写此表者成为管理员，再由其添加其他用户。此链接仅可使用一次。",
    ),
    "first-make": ("Become administrator", "创建管理员"),
    "password-again": ("The same password again", "再次输入密码"),
    "password-differs": ("The two passwords differ.", "两次输入的密码不一致。"),
    "sign-in.or-link": (
        "Or open the one-time link that the hub wrote into its log when it started.",
        "也可打开中心启动时写入日志的一次性链接。",
    ),
    "tokens": ("Programs' tokens", "程序令牌"),
    "token.what": (
        "A program comes to the API with a token, never with a password. What it can ask is described at",
        "程序须凭令牌访问接口，不得使用密码。接口说明见",
    ),
    "token.name": ("What it is for", "用途"),
    "token.owner": ("Whose", "所有者"),
    "token.may": ("Good for", "权限"),
    "token.until": ("Until", "有效期至"),
    "token.used": ("Last used", "最近使用"),
    "token.never": ("never", "从未"),
    "token.over": ("over", "已过期"),
    "token.revoked": ("taken back", "已收回"),
    "token.no-end": ("no end", "长期"),
    "token.revoke": ("Take back", "收回"),
    "token.make": ("Make a token", "创建令牌"),
    "token.days": ("For how long", "有效期"),
    "token.once": (
        "Copy it now: it is shown this once.",
        "请立即复制：令牌仅显示这一次，系统不保存。",
    ),
    "token.no-days": ("Choose for how long.", "请选择有效期。"),
    "permission.records": ("read the journal and counts of measurements, by tokens", "读取事件日志和测温次数（化名）"),
    "sign-in.provider": ("Sign in with the company's account", "使用企业账号登录"),
    "sign-in.or-password": ("or with a password of this console", "或使用本系统密码登录"),
    "denied.passwords-off": (
        "Passwords are switched off here: sign in with the company's account.",
        "已停用密码登录，请使用企业账号登录。",
    ),
    "denied.provider-state": (
        "That sign-in was begun elsewhere or too long ago. Begin again.",
        "登录请求已失效或来自其他浏览器，请重新登录。",
    ),
    "denied.provider-refused": (
        "The company's sign-in service did not let you in: {what}",
        "企业登录服务拒绝了登录：{what}",
    ),
    "denied.provider-unreachable": (
        "The company's sign-in service does not answer as it should: {what}. Try again, or tell the administrator.",
        "企业登录服务无响应或应答有误：{what}。请重试或联系管理员。",
    ),
    "denied.provider-untrue": (
        "What the company's sign-in service said cannot be trusted ({what}). Tell the administrator.",
        "企业登录服务的应答无法信任（{what}），请联系管理员。",
    ),
    "denied.provider-no-role": (
        "Your account is in no group that may use this console (claim “{claim}”). Ask the administrator.",
        "您的账号不在任何可使用本系统的组内（声明“{claim}”），请联系管理员。",
    ),
    "denied.provider-kept-out": ("This account is kept out. Ask the administrator.", "此账号已停用，请联系管理员。"),
    "denied.provider-login-taken": (
        "There is already another account “{login}” here. Ask the administrator.",
        "本系统已有另一账号“{login}”，请联系管理员。",
    ),
    "denied.no-door": ("This page is open to nobody.", "该页面未对任何人开放。"),
    "denied.not-the-tokens": ("The token is not good for this.", "此令牌无此权限。"),
    "denied.too-fast": ("Too many requests: wait {seconds} s.", "请求过于频繁，请等待 {seconds} 秒。"),
    "denied.first-over": (
        "This link is not good, or no longer: the hub has users. Sign in, or ask an administrator.",
        "链接无效或已失效：中心已有用户。请登录，或联系管理员。",
    ),
    "denied.no-alert": ("There is no such alert.", "没有这条警报。"),
    "denied.alert-not-now": (
        "The alert is not in a state for that; somebody was faster.",
        "警报状态已变，可能已有人处置。",
    ),
    "denied.endless": ("A silence needs an end within 31 days.", "静音须在 31 天内结束。"),
    "denied.too-long": ("That is too long.", "内容过长。"),
    "denied.link": ("This link is not good, or no longer.", "链接无效或已过期。"),
    "denied.used-link": ("This link was used already.", "此链接已使用过。"),
    "denied.not-json": ("Expected a JSON object: {what}", "应为 JSON 对象：{what}"),
}
