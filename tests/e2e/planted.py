"""Secrets of a user's environment, and a search for them in all that is left behind."""

import gzip
import secrets

SECRETS = {
    name: f"planted-{secrets.token_hex(12)}"
    for name in (
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AZURE_CLIENT_SECRET", "DB_PWD", "DOCKER_AUTH", "GITHUB_PAT", "GH_TOKEN",
        "HF_TOKEN", "KF_PIPELINES_COOKIES", "KF_PIPELINES_TOKEN", "MYSQL_PWD",
        "NPM_TOKEN", "OPENAI_API_KEY", "PGPASSWORD", "SLACK_TOKEN", "SMTP_PASSWORD",
        "WANDB_API_KEY", "HOOK_TOKEN",
    )
}  # fmt: skip
# Nobody listens there; the error of that names the address's variable alone.
SECRETS["HOOK_URL"] = f"http://127.0.0.1:9/planted-{secrets.token_hex(12)}"
HOOK = ("webhook.url=env:HOOK_URL", "webhook.token=env:HOOK_TOKEN")


def found(folder, *texts):
    """The names of secrets that are in files, packed ones too, or in texts."""
    contents = [text.encode() for text in texts]
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            contents.append(content)
            if content.startswith(b"\x1f\x8b"):
                contents.append(gzip.decompress(content))
    assert sum(map(len, contents)) > 100_000
    return {n for n, v in SECRETS.items() if any(v.encode() in c for c in contents)}
