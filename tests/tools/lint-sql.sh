#!/bin/sh
# lint-sql.sh TOOL: a small tree with one mistake of each kind, and its twin without.
set -eu
tool=$1
dir=$(mktemp -d "${TMPDIR:-/tmp}/parley-lint.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/src/x" "$dir/cgi-bin" "$dir/sql"
cat >"$dir/sql/0001_message.sql" <<'SQL'
CREATE TABLE message (
  tenant_id BINARY(16) NOT NULL,
  PRIMARY KEY (tenant_id)
);
SQL
echo 'CREATE TABLE user (user_id BINARY(16) NOT NULL);' >"$dir/sql/0002_user.sql"
cat >"$dir/src/x/good_store.c" <<'C'
#define COLS "SELECT a" \
    " FROM message WHERE tenant_id = :tenant"
DB_STMT(joined, TENANT, COLS " AND x = ?", "i", "s");
DB_STMT(plain, GLOBAL, "SELECT a FROM user", "", "s");
/* GLOBAL: for a reason. */
DB_STMT(one, GLOBAL, "SELECT a FROM message", "", "s");
DB_STMT(two, GLOBAL, "SELECT b FROM message", "", "s");
C
cat >"$dir/cgi-bin/good.c" <<'C'
/* "SELECT a FROM b" in a comment */
const char *a = "Please select a file from the list", *b = "Update your profile";
char q = '"';
C
"$tool" "$dir" || { echo "lint-sql.sh: found something in a clean tree" >&2; exit 1; }

expect() { # WORDS, with the tree as it is
    if out=$("$tool" "$dir") || ! printf '%s\n' "$out" | grep -q -- "$1"; then
        printf 'lint-sql.sh: did not say "%s" but: %s\n' "$1" "$out" >&2
        exit 1
    fi
}
echo 'DB_STMT(a, TENANT, "SELECT a FROM message", "", "s");' >"$dir/src/x/bad_store.c"
expect 'bad_store.c:1: a TENANT statement does not bind :tenant'
echo 'DB_STMT(a, GLOBAL, "SELECT a FROM user WHERE t = :tenant", "", "s");' >"$dir/src/x/bad_store.c"
expect 'a GLOBAL statement binds :tenant'
echo 'DB_STMT(a, GLOBAL, "SELECT a FROM message", "", "s");' >"$dir/src/x/bad_store.c"
expect 'touches message'
echo 'DB_STMT(a, ANY, "SELECT 1", "", "s");' >"$dir/src/x/bad_store.c"
expect 'neither TENANT nor GLOBAL'
printf '%s\n' '# who' 'message x' 'user x' >"$dir/sql/owners"
mkdir -p "$dir/src/y/z"
echo 'DB_STMT(a, TENANT, "INSERT INTO message (tenant_id) VALUES (:tenant)", "", "");' >"$dir/src/x/bad_store.c"
"$tool" "$dir" || { echo "lint-sql.sh: refused a write of the owner" >&2; exit 1; }
rm "$dir/src/x/bad_store.c"
for verb in 'INSERT INTO message (tenant_id) VALUES (:tenant)' 'UPDATE message SET a = 1 WHERE tenant_id = :tenant' 'DELETE FROM message WHERE tenant_id = :tenant'; do
    printf 'DB_STMT(a, TENANT, "%s", "", "");\n' "$verb" >"$dir/src/y/z/bad_store.c"
    expect 'bad_store.c:1: y/z writes message, a table of x'
done
echo 'DB_STMT(a, TENANT, "SELECT u.a FROM user u JOIN message m ON m.tenant_id = :tenant", "", "s");' >"$dir/src/y/z/bad_store.c"
expect 'y/z reads user, a table of x'
expect 'y/z reads message, a table of x'
printf '%s\n' 'message x y' 'user x y/z' >"$dir/sql/owners"
"$tool" "$dir" || { echo "lint-sql.sh: refused a declared reader" >&2; exit 1; }
echo 'DB_STMT(a, TENANT, "UPDATE message SET a = 1 WHERE tenant_id = :tenant", "", "");' >"$dir/src/y/z/bad_store.c"
expect 'y/z writes message, a table of x'
rm "$dir/src/y/z/bad_store.c"
printf '%s\n' 'message x' 'gone x' >"$dir/sql/owners"
expect 'no owner of user'
expect 'there is no table gone'
rm "$dir/sql/owners"
echo 'const char *e = "DELETE FROM message";' >"$dir/cgi-bin/bad.c"
expect 'bad.c:1: SQL outside'
echo 'DB_STMT(a, GLOBAL, "x", "", "");' >"$dir/cgi-bin/bad.c"
expect 'a statement outside'
