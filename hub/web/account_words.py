"""Why an account or a token cannot be made or changed, in English and Chinese."""

from __future__ import annotations

ACCOUNT_WORDS: dict[str, tuple[str, str]] = {
    "account-refused.login": (
        "Login “{login}”: expected 1 to 60 letters, digits, dots, hyphens or underscores.",
        "用户名“{login}”：应为 1 至 60 个字母、数字、点、连字符或下划线。",
    ),
    "account-refused.taken": ("Login “{login}”: there is such a user already.", "用户名“{login}”已存在。"),
    "account-refused.last-admin": (
        "User “{login}” is the last administrator: make another first.",
        "“{login}”是最后一名管理员，请先添加另一名。",
    ),
    "account-refused.no-user": ("Login “{login}”: there is no such user.", "没有用户“{login}”。"),
    "account-refused.short": (
        "Password of {n} characters: expected at least {least}.",
        "密码只有 {n} 个字符，至少需要 {least} 个。",
    ),
    "account-refused.token-name": (
        "Token “{name}”: expected a name of 1 to 60 characters.",
        "令牌“{name}”：名称应为 1 至 60 个字符。",
    ),
    "account-refused.token-taken": ("Token “{name}”: there is one of that name already.", "已有名为“{name}”的令牌。"),
    "account-refused.token-empty": (
        "Token “{name}”: expected at least one permission.",
        "令牌“{name}”：请至少选择一项权限。",
    ),
    "account-refused.token-more": (
        "Token “{name}”: expected no permission that its owner does not have.",
        "令牌“{name}”：不得超出其所有者的权限。",
    ),
}
