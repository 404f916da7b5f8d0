// Conditions, includes, and what is gcc's to tell of: compared with gcc.
#include <gtest/gtest.h>

#include "beside_gcc.h"
#include "cpp/preprocess.h"

namespace kiln::cpp {
namespace {

using ConditionsTest = BesideGcc;
using IncludesTest = BesideGcc;
using RefusedTest = BesideGcc;

// Each in a condition of its own, with what it is told by its number.
std::string Conditions(const std::vector<std::string>& conditions) {
  std::string text = "#define A 1\n#define E\n#define N -1\n#define F(x) x\n#define D defined(A)\n";
  for (size_t i = 0; i < conditions.size(); ++i)
    text += "#if " + conditions[i] + "\nyes " + std::to_string(i) + "\n#else\nno " + std::to_string(i) +
            "\n#endif\n";
  return text;
}

TEST_F(ConditionsTest, Operators) {
  Same(Conditions({"1",
                   "0",
                   "-1",
                   "!0",
                   "!1",
                   "~0",
                   "~0 == -1",
                   "+1 - 1",
                   "1 + 2 * 3 == 7",
                   "(1 + 2) * 3 == 9",
                   "7 / 2 == 3",
                   "-7 / 2 == -3",
                   "-7 % 3 == -1",
                   "7 % 4 == 3",
                   "1 << 3 == 8",
                   "-8 >> 1 == -4",
                   "1 << 62 > 0",
                   "-1 << 63 < 0",
                   "5 & 3 == 1",
                   "(5 & 3) == 1",
                   "5 | 2",
                   "(5 ^ 1) == 4",
                   "4 ^ 4",
                   "1 && 0 || 1",
                   "1 || 0 && 0",
                   "0 | 1 && 0",
                   "1 < 2 == 1",
                   "3 > 2 > 1",
                   "2 <= 2",
                   "2 >= 3",
                   "1 != 1",
                   "1 == 1",
                   "- - 1",
                   "!-1",
                   "1 - -1",
                   "1 - 1 - 1 == -1",
                   "8 / 2 / 2 == 2",
                   "1 ? 0 : 1",
                   "0 ? 0 : 1",
                   "1 ? 2 : 0 ? 0 : 0",
                   "0 ? 1 : 1 ? 0 : 1",
                   "(1 ? 0 : 1) ? 0 : 2",
                   "1 ? 0 ? 0 : 3 : 0"}));
}

TEST_F(ConditionsTest, Unsigned) {
  for (const char* condition : {"1u - 2 > 0",
                                "1 - 2 > 0",
                                "0u - 1 == 18446744073709551615u",
                                "~0u > 0",
                                "~0ull >> 63 == 1",
                                "-1 >> 63 == -1",
                                "(1 ? 2 : 0u) - 3 > 0",
                                "(1 ? 2 : 0) - 3 > 0",
                                "(0u < 1) - 2 < 0",
                                "(1u && 1) - 2 < 0",
                                "!1u - 1 < 0",
                                "(1 << 1u) - 3 < 0",
                                "(1u << 1) - 3 > 0",
                                "1u << 63 > 0",
                                "(1u == 1) - 2 < 0",
                                "0xffffffffffffffffu / 3 > 5",
                                "9223372036854775807 > 0",
                                "2u * 3 - 7 > 0",
                                "7u % 4 - 4 > 0",
                                "(1u | 2) - 4 > 0"})
    Same(Conditions({condition}));
}

TEST_F(ConditionsTest, NamesAndNumbers) {
  Same(Conditions({"A",
                   "F(1)",
                   "F(0)",
                   "F((A)) + F(N)",
                   "N < 0",
                   "defined A",
                   "defined(A)",
                   "defined ( A )",
                   "defined B",
                   "!defined(B)",
                   "defined F",
                   "D",
                   "!D",
                   "0 && B",
                   "1 || B",
                   "1 ? 1 : B",
                   "0 ? B : 0",
                   "0 && B / 0",
                   "0 && (B || C)",
                   "1 || (0 && B)",
                   "defined(A) && A == 1",
                   "defined A + defined F == 2"}));
  Same(Conditions({"0x10 == 16", "010 == 8", "0b101 == 5", "0XfF == 255", "1L", "1ul", "1LLu == 1", "0", "00",
                   "0x0", "1lu == 1ULL", "'a' == 97", "'0' - '9' == -9", "' ' == 32"}));
  Same(Conditions(
      {"E A", "A E", "( A )", "(((A)))", "F(E A)", "F\\\n(1)", "A /* c */ // d", "F(A) == F(F(A))"}));
}

TEST_F(ConditionsTest, AnsweredByTheCompiler) {
  Same(Conditions({"__has_attribute(noreturn)", "__has_attribute(__no_such_thing__)",
                   "__has_builtin(__builtin_expect)", "__has_builtin(__no)", "defined(__has_attribute)",
                   "defined __has_builtin", "defined(__has_feature)", "defined(__has_include)",
                   "__has_attribute ( __cold__ ) && 1", "__has_attribute(cold) > 0 ? 0 : 1"}));
  Write("inc/there.h", "");
  Same(Conditions({"__has_include(<there.h>)", "__has_include(\"there.h\")", "__has_include(<no.h>)",
                   "__has_include ( \"no.h\" ) || 1", "!__has_include(<there.h>)"}));
  Same("#ifdef __has_attribute\n1\n#endif\n#ifndef __has_feature\n2\n#endif\n");
}

TEST_F(ConditionsTest, Chains) {
  for (const char* a : {"0", "1"})
    for (const char* b : {"0", "1"})
      Same({.text =
                "#if A\n1\n#elif B\n2\n#elif A || B\n3\n#else\n4\n#if B\n5\n#elif 1\n6\n#endif\n#endif\nx\n",
            .definitions = {std::string("DA=") + a, std::string("DB=") + b}});
  Same("#if 1\na\n#elif UNKNOWN / 0 (\nb\n#elif\n#else\nc\n#endif\n");
  Same(
      "#if 0\n#if junk (\n#elif\n#else junk\n#endif junk\n#else\na\n#endif\n#ifdef "
      "A\n#ifdef\n#else\n#endif\n#endif\n");
  Same("#if 0\n#define A\n#include <nothing>\n#error x\n#unknown\n# 12 x\n#\n#pragma x\n#endif\nA\n");
  Same("#ifndef A\n#define A\n#ifdef A\n#undef A\n#ifndef A\nx\n#endif\n#endif\n#endif\n");
}

TEST_F(ConditionsTest, SkippedText) {
  for (const char* skipped : {"/* #endif */",
                              "/*\n#endif\n*/",
                              "// #endif /*",
                              "\"/*\"",
                              "'\"' /*\n#endif\n*/",
                              "\"\\\"/*\"",
                              "a \\\n#endif",
                              "\"a\\\n#endif\"",
                              "'\\''",
                              "\\\"a\"",
                              "# /* c */ if 1\n#endif",
                              "#\\\nif 1\n#endif",
                              " /* c */ #if 1\n# endif",
                              "##endif",
                              "#endifx",
                              "a #endif",
                              "L'\"' '/' \"'\"",
                              "/* \" */ '/*'",
                              "a / b // '\n",
                              "/**/",
                              "/*/ #endif */"})
    Same(std::string("#if 0\n") + skipped + "\n#else\nread __LINE__\n#endif\nx __LINE__\n");
  for (const char* rare : {"a \\\\\\\n#endif", "\"\\\\\\\n\"", "/\\\n*", "* / \\ \n"})
    if (std::string here; Here({std::string("#if 0\n") + rare + "\n#endif\n"}, here))
      Same(std::string("#if 0\n") + rare + "\n#endif\n");
  Left("#if 0\n#elifdef A\n#endif\n");
}

TEST_F(IncludesTest, Guards) {
  Write("inc/g.h", "/* c */\n\n#ifndef G // d\n#define G\ng\n#if 1\n#else\n#endif\n#endif /* e */\n// f\n");
  Write("inc/behind.h", "#ifndef B\n#define B\nb\n#endif\nbehind\n");
  Write("inc/before.h", "before\n#ifndef C\n#define C\nc\n#endif\n");
  Write("inc/else.h", "#ifndef E\n#define E\ne\n#else\nelse\n#endif\n");
  Write("inc/elif.h", "#ifndef L\n#define L\nl\n#elif 1\nelif\n#endif\n");
  Write("inc/two.h", "#ifndef T\n#define T\nt\n#endif\n#ifndef T2\ntwo\n#endif\n");
  Write("inc/if.h", "#if !defined(I)\n#define I\ni\n#endif\n");
  Write("inc/line.h", "#ifndef N\n#define N\nn\n#endif\n#define M m\nM\n");
  Write("inc/directive.h", "#define Q q\n#ifndef R\n#define R\nr\n#endif\nQ\n");
  Write("inc/once.h", "#pragma once\nonce\n");
  Write("inc/not_defined.h", "#ifndef NEVER\nnever\n#endif\n");
  for (const char* name :
       {"g", "behind", "before", "else", "elif", "two", "if", "line", "directive", "once", "not_defined"}) {
    const std::string include = std::string("#include <") + name + ".h>\n";
    Same(include + include + "x\n#undef G\n#undef B\n#undef E\n#undef N\n" + include + "y\n" + include);
  }
}

TEST_F(IncludesTest, WhereFilesAreFound) {
  std::filesystem::create_directory(folder_ + "/inc/d");
  Write("inc/a.h", "inc_a __FILE__\n#include \"d/b.h\"\n");
  Write("sys/a.h", "sys_a __FILE__\n#include <only.h>\n");
  Write("a.h", "own_a\n#include_next <a.h>\n");
  Write("inc/d/b.h", "d_b\n#include \"c.h\"\n#include <c.h>\n");
  Write("inc/d/c.h", "d_c\n");
  Write("inc/c.h", "inc_c\n#include_next <c.h>\n");
  Write("sys/c.h", "sys_c\n");
  Write("sys/only.h", "only __LINE__ __INCLUDE_LEVEL__\n");
  std::filesystem::create_directory(folder_ + "/inc/only.h");
  Same("#include <a.h>\n#include <only.h>\nx __LINE__\n");
  Same("#include \"d/b.h\"\n#include \"d/../d/c.h\"\n#include <d/c.h>\nx\n");
  Same("#include \"" + folder_ + "/inc/d/c.h\"\n# include/**/<c.h> // c\n\n\n\n\n\n\n\n\n\n\n\n__LINE__\n");
}

// As the kernel's tracepoints do.
TEST_F(IncludesTest, AFileThatIncludesItself) {
  Write("inc/t.h",
        "#ifndef AGAIN\n#define AGAIN\n#define M(x) x;\nM(a)\n\n\nM(b)\n\n\n#include <t.h>\nM(c)\n"
        "#define M2(x) x; __LINE__\n#include <t.h>\n#else\nM(d)\n#ifdef M2\nM2(e)\n#endif\n#endif\n");
  Same("#include <t.h>\n#include <t.h>\nM(f)\n");
}

TEST_F(IncludesTest, Computed) {
  Write("inc/c.h", "c\n");
  Write("inc/1-x.h", "one\n");
  Same(
      "#define Q \"c.h\"\n#define H <c.h>\n#define S(x) #x\n#define X(x) S(x)\n#define P(x) <x.h>\n#define "
      "c_ c\n"
      "#include Q\n#include H\n#include S(c.h)\n#include X(c_.h)\n#include P(c)\n");
  Same("#define H <1-x.h>\n#include H\n");
  Same("#define c x\n#define h y\n#include <c.h>\n#include \"c.h\"\n");
}

TEST_F(RefusedTest, Directives) {
  Refused("#define A 1\n#define A 2\n", "redefined");
  Refused("#define A(x) x\n#define A(y) y\n", "redefined");
  Refused("#define A a b\n#define A a  b c\n", "redefined");
  Refused("#define defined\n", "defined");
  Refused("#define A(x, x) x\n", "duplicate");
  Refused("#define A(x\n", "expected");
  Refused("#define A(x) #y\n", "not followed");
  Refused("#define A ## b\n", "either end");
  Refused("#define A(x) x ##\n", "either end");
  Refused("#define A __VA_ARGS__\n", "__VA_ARGS__");
  Refused("#define A\"b\"\n", "whitespace");
  Refused("#define\n", "no macro name");
  Refused("#define 1\n", "identifiers");
  Refused("#undef A b\n", "extra tokens");
  Refused("#undef __FILE__\n", "undefining");
  Refused("#if 1\n#endif A\n", "extra tokens");
  Refused("#if 1\n#else A\n#endif\n", "extra tokens");
  Refused("#if 0\n#else A\n#endif\n", "extra tokens");
  Refused("#if 0\n#endif A\n", "extra tokens");
  Refused("#ifdef A b\n#endif\n", "extra tokens");
  Refused("#ifdef\n#endif\n", "no macro name");
  Refused("#warning x\n", "x");
  Refused("#error x\n", "x");
  Refused("#unknown\n", "invalid");
  Refused("#if 1\n", "unterminated");
  Refused("#if 0\n", "unterminated");
  Refused("#endif\n", "without #if");
  Refused("#else\n", "without #if");
  Refused("#elif 1\n", "without #if");
  Refused("#if 1\n#else\n#else\n#endif\n", "after #else");
  Refused("#if 0\n#else\n#elif 1\n#endif\n", "after #else");
  Refused("#if 0\n#if 1\n#else\n#elif 1\n#endif\n#endif\n", "after #else");
  Refused("#pragma GCC warning \"x\"\n", "x");
  Refused("_Pragma(\"GCC error \\\"x\\\"\")\n", "x");
  Refused("#pragma once\n", "once");
}

TEST_F(RefusedTest, Conditions) {
  Refused("#if A\n#endif\n", "not defined");
  Refused("#if 0\n#elif A\n#endif\n", "not defined");
  Refused("#if 1 && A\n#endif\n", "not defined");
  Refused("#if 0 ? 1 : A\n#endif\n", "not defined");
  for (const char* condition : {"",
                                "(",
                                "1 +",
                                "1 1",
                                "()",
                                "1 / 0",
                                "1 % 0",
                                "\"a\"",
                                "1.0",
                                "1x",
                                "09",
                                "0x",
                                "1 ? 2",
                                "defined",
                                "defined(A",
                                "defined 1",
                                "= 1",
                                "1 = 1",
                                "99999999999999999999",
                                "18446744073709551615",
                                "9223372036854775807 + 1",
                                "-1 < 1u",
                                "1u > -1",
                                "1u + -1",
                                "1 ? -1 : 1u",
                                "'ab'",
                                "'\\400'",
                                "1 << 2 )",
                                "1 << 63",
                                "3 << 62",
                                "-(-9223372036854775807 - 1)",
                                "-5 << 62",

                                "__has_include(<x.h>",
                                "A++"})
    Refused(std::string("#define A 1\n#if ") + condition + "\n#endif\n", "a.c:2:");
}

TEST_F(RefusedTest, Includes) {
  Write("inc/a.h", "a\n");
  Write("inc/open.h", "#if 1\n");
  Write("inc/call.h", "#define f(x) x\nf(1\n");
  Refused("#include <no.h>\n", "No such file");
  Refused("#include \"no.h\"\n", "No such file");
  Refused("#include <a.h> b\n", "extra tokens");
  Refused("#include\n", "expects");
  Refused("#include a.h\n", "expects");
  Refused("#include <a.h\n", "terminating");
  Refused("#include <open.h>\n#endif\n", "unterminated");
  Refused("#include <call.h>\n)\n", "unterminated");
  Refused(Snippet{.text = "int a;\n", .includes = {"no.h"}}, "No such file");
  Write("inc/self.h", "#include \"self.h\"\n");
  Refused("#include <self.h>\n", "nested");
}

TEST_F(RefusedTest, Macros) {
  const std::string head =
      "#define f(a, b) a b\n#define g(a) a\n#define n() 1\n#define p(a, b) a ## b\n#define v(a, b, ...) a\n";
  for (const char* use : {"f(1)", "f(1, 2, 3)", "f()", "g(1, 2)", "n(1)", "v(1)"})
    Refused(head + use + "\n", "argument");
  Refused(head + "f(1, 2\n", "unterminated");
  for (const char* use : {"p(a, +)", "p(+, -)", "p(\"a\", b)", "p(., .)", "p(/, /)", "p(/, *)"})
    Refused(head + use + "\n", "past");
  Refused("#define s(a) #a\ns(\\)\n", "a.c:2");
}

TEST_F(RefusedTest, Text) {
  Refused("a /* b\n", "unterminated comment");
  Refused("#if 0\n/*\n#endif\n", "unterminated comment");
  Refused("a \"b\n", "missing terminating");
  Refused("a 'b\n", "missing terminating");
  Refused("#if 0\ndon't\n#endif\n", "missing terminating");
  Refused("#if 0\n\"\n#endif\n", "missing terminating");
  Refused("#if 0\n#error don't\n#endif\n", "missing terminating");
  Refused("#if 1\n#elif don't\n#endif\n", "missing terminating");
  Refused("/* a /* b */\n", "within comment");
  Refused("#if 0\n/* a /* b */\n#endif\n", "within comment");
  Refused("// a \\\nb\n", "multi-line comment");
  Refused("// a \\ \nb\n", "multi-line comment");
  Refused("#if 0\n// a \\\nb\n#endif\n", "multi-line comment");
  Refused("#define A \\ \n1\n", "separated by space");
  Refused("#if 0\na \\ \nb\n#endif\n", "separated by space");
  Refused("int a;\\\n", "end of file");
  for (const char* bytes : {"\xE2\x80\xAA", "\xE2\x80\xAE", "\xE2\x81\xA6", "\xE2\x81\xA9"}) {
    const bool closes = std::string(bytes) == "\xE2\x81\xA9";
    const std::string text = std::string(bytes) + (closes ? "" : " a");
    if (closes) {
      Left("/* " + text + " */\n");
      continue;
    }
    Refused("/* " + text + " */\n", "bidi");
    Refused("// " + text + "\n", "bidi");
    Refused("const char *a = \"" + text + "\";\n", "bidi");
    Refused("#if 0\n/* " + text + " */\n#endif\n", "bidi");
  }
  Same("/* \xE2\x80\x94 \xE2\x81\xA5 \xE2\x80\xA9 */ \"\xE2\x80\xAF\xC3\xA4\" // \xE2\x80\n");
}

TEST_F(RefusedTest, MacrosOfSeveralStatements) {
  const std::string head =
      "void a(void); void b(void);\n#define TWO() a(); b()\n#define OBJECT a(); b()\n#define OF TWO\n#define "
      "ALSO() TWO()\n"
      "#define ID(x) x\n#define IF(x) if (x)\n#define BODY(x, y) if (x) y;\n#define ONE() do { a(); b(); } "
      "while (0)\n"
      "void f(int x) {\n";
  for (const char* use : {"if (x) TWO();", "if (x) a(); else TWO();", "for (;;) TWO();", "while (x) TWO();",
                          "if (x) OBJECT;", "if (x)\nOF();", "if (ID((x)))\n  ALSO();", "IF(x) TWO();",
                          "if ((x) && (x || x)) TWO();", "switch (x) TWO();"}) {
    const Snippet snippet{head + use + "\n}\n"};
    SCOPED_TRACE(snippet.text);
    auto words = Options(snippet);
    std::string here;
    const bool is_done = Here(snippet, here);
    words.insert(words.end(), {"-fsyntax-only", folder_ + "/a.c"});
    Gcc(words);
    EXPECT_NE(Read("said").find("multistatement"), std::string::npos) << Read("said");
    EXPECT_FALSE(is_done);
  }
  for (const char* use : {"if (x) { TWO(); }", "if (x) ONE();", "TWO();", "do { TWO(); } while (x);",
                          "ID(TWO());", "if (x) a(); TWO();"})
    Same(head + use + "\n}\n");
}

}  // namespace
}  // namespace kiln::cpp
