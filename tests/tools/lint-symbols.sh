#!/bin/sh
# lint-symbols.sh TOOL: lint-symbols finds each kind of fault in a small tree that it compiles, and nothing in one without faults.
set -u
tool=$1
tree=$(mktemp -d "${TMPDIR:-/tmp}/parley-lint.XXXXXX") || exit 1
trap 'rm -rf "$tree"' EXIT
failed=0

clean_tree() { # a program that uses two modules; b uses a
    rm -rf "$tree/src" "$tree/cgi-bin" "$tree/build"
    mkdir -p "$tree/src/a" "$tree/src/b" "$tree/cgi-bin/chat" "$tree/tools"
    : >"$tree/tools/lint-symbols.allow"
    printf 'struct one { int x; };\nstatic int a_help(int x)\n{\n    return x;\n}\nint a_one(int x)\n{\n    return a_help(x);\n}\n' >"$tree/src/a/one.c"
    printf 'int a_one(int x);\nint a_two(int x)\n{\n    return a_one(x);\n}\n' >"$tree/src/a/two.c"
    printf '/* struct one { is defined elsewhere */\nint a_two(int x);\nint b_one(int x)\n{\n    return a_two(x);\n}\n' >"$tree/src/b/one.c"
    printf 'int b_one(int x);\nint main(void)\n{\n    return b_one(0);\n}\n' >"$tree/cgi-bin/chat/main.c"
}
compile() {
    for source in src/a/one src/a/two src/a/three src/b/one src/b/two cgi-bin/chat/main; do
        [ -f "$tree/$source.c" ] || continue
        mkdir -p "$tree/build/${source%/*}"
        ${CC:-cc} -O0 -w -c "$tree/$source.c" -o "$tree/build/${source%/*}/libparley_a-${source##*/}.o" || exit 1
    done
}
expect() { # WHAT-IT-SAYS ("" = nothing)
    compile
    said=$("$tool" "$tree" "$tree/build" 2>&1)
    rc=$?
    if [ -z "$1" ] && { [ $rc != 0 ] || [ -n "$said" ]; }; then
        echo "lint-symbols: unexpected: $said"
        failed=1
    elif [ -n "$1" ] && { [ $rc = 0 ] || ! printf '%s\n' "$said" | grep -qF -- "$1"; }; then
        echo "lint-symbols: did not say \"$1\" but: $said"
        failed=1
    fi
}

clean_tree
expect ''
printf 'int b_one(int x);\nint a_three(int x)\n{\n    return b_one(x);\n}\n' >"$tree/src/a/three.c"
printf 'int a_three(int x);\nint main(void)\n{\n    return a_three(0);\n}\n' >"$tree/cgi-bin/chat/main.c"
expect 'src/a: module-circle: is in a circle; it needs src/b (b_one)'
clean_tree
printf 'int a_two(int x);\nint a_one(int x)\n{\n    return a_two(x);\n}\n' >"$tree/src/a/one.c"
expect 'src/a/one.c: file-circle: is in a circle; it needs src/a/two.c (a_two)'
clean_tree
printf 'int a_one(int x)\n{\n    return x;\n}\n' >"$tree/src/b/two.c"
expect 'src/b/two.c: defined-twice: a_one is also defined in src/a/one.c'
clean_tree
printf 'int b_two(int x)\n{\n    return x;\n}\n' >"$tree/src/b/two.c"
expect 'src/b/two.c: unused: b_two is used by no other file'
echo 'b_two  a test calls it' >"$tree/tools/lint-symbols.allow"
expect ''
rm "$tree/src/b/two.c"
expect 'tools/lint-symbols.allow: unused: b_two does not exist'
clean_tree
printf 'static int a_help(int x)\n{\n    return x;\n}\nint a_two(int x);\nint b_one(int x)\n{\n    return a_two(a_help(x));\n}\n' >"$tree/src/b/one.c"
expect 'src/a/one.c: static-twice: a_help is also a static function in src/b/one.c'
clean_tree
printf 'struct one {\n    int y;\n};\n' >>"$tree/src/b/one.c"
expect 'src/b/one.c: tag-twice: "one" is also defined in src/a/one.c'
clean_tree
printf '#define ONE 1\n#undef ONE\n' >>"$tree/src/a/one.c"
printf '#define ONE 1\n' >>"$tree/src/a/two.c"
expect ''
printf '#define ONE 2\n' >>"$tree/src/b/one.c"
expect 'macro-twice: ONE is also defined in src/'
exit $failed
