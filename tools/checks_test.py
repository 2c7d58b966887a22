#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A check that cannot fail proves nothing: each is shown something wrong and something right."""
import pathlib
import tempfile
import unittest

import yaml

import clang
import count_tests
import errors_tested
import layers
import links
import openapi_lint
import sizes
import tree

LEVELS = {"base": 0, "net": 1, "os": 1, "gate": 5, "control": 5}
WITHIN = {"net": ["os"]}
WALLS = {"openssl/": ["src/net/*"]}


def includes(name, module, quote, included):
    return list(layers.check_include(name, module, quote, included, LEVELS, WITHIN, WALLS))


class Layers(unittest.TestCase):
    def test_downward_is_fine_and_upward_or_sideways_is_not(self):
        self.assertFalse(includes("src/net/a.h", "net", '"', "base/error.h"))
        self.assertFalse(includes("src/net/a.h", "net", '"', "os/file.h"))
        self.assertTrue(includes("src/os/a.h", "os", '"', "net/task.h"))
        self.assertTrue(includes("src/gate/a.h", "gate", '"', "control/api.h"))
        self.assertTrue(includes("src/gate/a.h", "gate", '"', "sibling.h"))

    def test_walls_hold(self):
        self.assertFalse(includes("src/net/tls.cc", "net", "<", "openssl/ssl.h"))
        self.assertTrue(includes("src/gate/tls.cc", "gate", "<", "openssl/ssl.h"))

    def test_sql_text_is_found_and_words_about_it_are_not(self):
        for line in ['"SELECT a FROM b"', '"  INSERT INTO x VALUES (1)"', '"ALTER ROLE " + r',
                     '"GRANT ALL ON t TO u"']:
            self.assertTrue(layers.SQL.search(line), line)
        for line in ['"ALTER ROLE"', '"Select one FROM the list"', '"UPDATE"']:
            self.assertFalse(layers.SQL.search(line), line)


def body(lines):
    return "{\n" + "  x();\n" * (lines - 2) + "}\n"


class Sizes(unittest.TestCase):
    def lengths(self, text):
        return [last - first + 1 for first, last, _ in sizes.functions(sizes.blank(text))]

    def test_functions_are_measured_wherever_they_stand(self):
        self.assertEqual(self.lengths("namespace a {\nvoid f() " + body(71) + "}\n"), [71])
        self.assertEqual(self.lengths("class A {\n  int a_{1};\n  void f() const " + body(9) +
                                      "};\n"), [9])
        self.assertEqual(self.lengths("A::A(int a)\n    : a_{a}, b_(2) " + body(5)), [6])
        self.assertEqual(self.lengths("Task<int> f(\n    int a) " + body(4)), [5])

    def test_lambdas_and_initializers_belong_to_their_function(self):
        text = "void f() {\n  auto g = [] { return A{1}; };\n  if (x) {\n    y();\n  }\n}\n"
        self.assertEqual(self.lengths(text), [6])
        self.assertEqual(self.lengths("const std::map<int, F> kTable = {\n  {1, f()},\n};\n"), [])
        self.assertEqual(self.lengths("enum class E { a, b };\nvoid f() {}\n"), [1])

    def test_braces_in_literals_and_comments_do_not_count(self):
        self.assertEqual(self.lengths('void f() {\n  g("}{", \'{\');  // }\n}\nint x = 1\'000;\n'),
                         [3])
        self.assertEqual(self.lengths('auto k = R"({{{)";\nvoid f() {\n}\n'), [2])

    def test_parameters_are_counted_at_their_own_depth(self):
        for signature, count in [("void f()", 0), ("int f(int a)", 1),
                                 ("void f(std::map<int, int> a, int b)", 2),
                                 ("A f(std::function<void(int, int)> a, B b = {1, 2})", 2),
                                 ("TEST(Pool, waits)", 0),
                                 ("void f(int a, int b, int c, int d, int e)", 5)]:
            self.assertEqual(sizes.parameter_count(signature), count, signature)

    def test_banned_calls_are_found_only_in_code(self):
        def banned(text):
            return [message for _, rule, message in sizes.check_cpp("src/x/y.cc", text)
                    if rule == "banned"]
        for line in ["t.detach();", "std::system(c);", "popen(c, m);", "auto* a = new Thing;",
                     "strtol(a, b, 10);", "co_spawn(x, y, asio::detached);"]:
            self.assertTrue(banned(line), line)
        for line in ["// a new day", '"new file"', "file.system_name()", "operator new(size)",
                     "renew all();", "std::unique_ptr<A>(\n    new A(b));"]:
            self.assertFalse(banned(line), line)
        own = "pg::ConnectOptions options;"
        self.assertTrue(banned(own))
        self.assertFalse(banned("pg::ConnectOptions admin_options(const Place& place);"))
        for name in ["src/pg/x.cc", "src/x/y_pgtest.cc"]:
            self.assertFalse(list(sizes.check_cpp(name, own)), name)


class Links(unittest.TestCase):
    def faults(self, text):
        with tempfile.TemporaryDirectory(dir=tree.ROOT / "docs") as folder:
            path = pathlib.Path(folder) / "a.md"
            path.write_text(text)
            return list(links.check(path))

    def test_missing_files_and_headings_are_found(self):
        self.assertFalse(self.faults("# A b\n[x](#a-b) [y](../errors.md) [z](https://x.org)\n"))
        self.assertTrue(self.faults("[x](nowhere.md)\n"))
        self.assertTrue(self.faults("# A b\n[x](#c)\n"))
        self.assertTrue(self.faults("see `docs/nowhere.md`\n"))
        self.assertFalse(self.faults("```\n[x](nowhere.md)\n```\n"))


class OpenApi(unittest.TestCase):
    GOOD = """
openapi: 3.1.0
paths:
  /a/{id}:
    get:
      operationId: a
      x-access: read
      summary: A
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {$ref: "#/components/schemas/A"}}}
components: {schemas: {A: {type: object}}}
"""

    def faults(self, text):
        return list(openapi_lint.check(yaml.load(text, Loader=openapi_lint.Lines)))

    def test_a_complete_document_passes_and_each_gap_is_found(self):
        self.assertEqual(self.faults(self.GOOD), [])
        for old, new in [("schemas/A\"", "schemas/B\""), ("operationId: a", "x-a: a"),
                         ("access: read", "access: none"), ("access: read", "access: open"),
                         ('"200"', '"404"'), ("name: id", "name: di"), ("3.1.0", "2.0"),
                         ("{schema: {$ref: \"#/components/schemas/A\"}}", "{}")]:
            self.assertIn(old, self.GOOD)
            self.assertTrue(self.faults(self.GOOD.replace(old, new)), old)


class ErrorsTested(unittest.TestCase):
    def test_only_assertions_count_and_comments_do_not(self):
        for text in ['EXPECT_EQ(code_of(a(b)), "timeout");',
                     "EXPECT_EQ(e.code, ErrorCode::timeout);",
                     'assert.equal(x.code, declared("timeout").exit, "https://x");',
                     "assertClear(result,\n  'timeout');"]:
            self.assertIn("timeout", errors_tested.met(text), text)
        for text in ['f("timeout");', "return fail(ErrorCode::timeout);",
                     '// EXPECT_EQ(c, "timeout");', 'EXPECT_TRUE(a); g("timeout");',
                     'assert.match(text, "a timeout");', "/* assert.equal(a, 'timeout') */"]:
            self.assertNotIn("timeout", errors_tested.met(text), text)

    def test_missing_codes_and_exceptions_without_need_are_found(self):
        def faults(names, exceptions):
            return [code for code, _ in errors_tested.check(["a", "b"], names, exceptions)]
        self.assertEqual(faults({"a", "b"}, {}), [])
        self.assertEqual(faults({"a"}, {"b": "why"}), [])
        self.assertEqual(faults({"a"}, {}), ["b"])
        self.assertEqual(faults({"a", "b"}, {"b": "why"}), ["b"])
        self.assertEqual(faults({"a", "b"}, {"c": "why"}), ["c"])


class Clang(unittest.TestCase):
    def test_the_precompiled_header_is_taken_out(self):
        command = ("ccache /usr/bin/clang++-19 -Isrc -Xclang -fno-pch-timestamp -Wall "
                   "-fsanitize=address -Xclang -include-pch -Xclang /b/x.pch "
                   "-Xclang -include -Xclang /b/x.hxx -o a.o -c a.cc")
        self.assertEqual(clang.without_pch(command), ["-Isrc", "-Wall"])


class CountTests(unittest.TestCase):
    def counts(self, reports, junit):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for program, (tests, failures) in reports.items():
                text = f'{{"tests": {tests}, "failures": {failures}, "disabled": 0}}'
                (folder / f"{program}.json").write_text(text)
            (folder / "ctest.xml").write_text(junit)
            return count_tests.ctest(folder)

    def test_cases_are_counted_and_so_is_a_program_that_failed_beside_them(self):
        row = '<testcase name="{}" status="{}"/>'
        good, bad = row.format("a_test", "run"), row.format("a_test", "fail")
        self.assertEqual(self.counts({"a_test": (5, 0)}, f"<t>{good}</t>"), (5, 0))
        self.assertEqual(self.counts({"a_test": (5, 2)}, f"<t>{bad}</t>"), (3, 2))
        self.assertEqual(self.counts({"a_test": (5, 0)}, f"<t>{bad}</t>"), (5, 1))  # a leak
        self.assertEqual(self.counts({}, f"<t>{bad}</t>"), (0, 1))  # a crash
        self.assertEqual(self.counts({"a_test": (5, 0)}, "<t>"), (5, 1))  # ctest itself

    def test_a_tap_file_that_is_cut_short_is_a_failure(self):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "e2e.tap"
            self.assertEqual(count_tests.tap(path), (0, 1))
            path.write_text("ok 1\n# pass 7\n# fail 1\n# cancelled 2\n")
            self.assertEqual(count_tests.tap(path), (7, 3))


if __name__ == "__main__":
    unittest.main()
