// What is done here, compared with what gcc does.
#include "cpp/preprocess.h"

#include <gtest/gtest.h>

#include "beside_gcc.h"

namespace kiln::cpp {
namespace {

using PreprocessTest = BesideGcc;

TEST_F(PreprocessTest, ObjectMacros) {
  Same("#define A 1\n#define B A + A\nA B AB A_ $A\n#undef A\nA B\n#define A(x) x\nA A(2)\n");
  Same("#define A A\n#define B C\n#define C B\nA B C\n");
  Same("#define A B x\n#define B A y\nA\nB\nA B\n");
  Same("#define EMPTY\nEMPTY a EMPTY\n-EMPTY- +EMPTY+ <EMPTY<\n#undef NOT_THERE\nNOT_THERE\n");
  Same("#define A 1\n#define A 1\n#define F(a, b) a  +\tb\n#define F( a,b ) a + b\nF(1, A)\n");
}

TEST_F(PreprocessTest, FunctionMacros) {
  Same("#define f(x) f(x+1)\nf(1) f(f(1)) f (f)(2)\n");
  Same("#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)\n");
  Same("#define f(x) x\n#define g() 1\nf() g() g( ) f((1, 2)) f(f)(1) f((f)(1))\n");
  Same("#define f(a, b) [a|b]\nf(,) f(1,) f(,2) f((1,2),3) f({1,2) f(f(1,2),f(,))\n");
  Same("#define f(x) <x>\nf\n(1)\nf f(1)\nf /* c */ // d\n (2) f\n\n\n\nx\n");
  Same(
      "#define f(x) <x>\n#define g f\n#define h g (1)\n#define i f(\n#define j(x) x(2)\ng(1) g\n(3) h i 4) "
      "j(f) j(g)\n");
  Same("#define f(x) <x>\n#define id(x) x\nid(f)(1) id(f (1)) id(id(f))(2) id(f\n)(1) id(f)\n");
  Same("#define f(x) <x>\n#define e\n#define g f e\nf e (1) g(1) g\n");
  Same("#define f(x) <x>\nf\n#define A 1\n(2)\nf\n#if 1\n(3)\n#endif\nf\n#pragma x\n(4)\nf\n");
}

// C11 6.10.3.3 to 6.10.3.5.
TEST_F(PreprocessTest, ExamplesOfTheStandard) {
  Same(
      "#define hash_hash # ## #\n#define mkstr(a) # a\n#define in_between(a) mkstr(a)\n"
      "#define join(c, d) in_between(c hash_hash d)\nchar p[] = join(x, y);\n");
  Same(
      "#define TABSIZE 100\nint table[TABSIZE];\n#define max(a, b) ((a) > (b) ? (a) : (b))\nmax(max(1, 2), "
      "table[0])\n");
  Same(
      "#define x 3\n#define f(a) f(x * (a))\n#undef x\n#define x 2\n#define g f\n#define z z[0]\n#define h "
      "g(~\n"
      "#define m(a) a(w)\n#define w 0,1\n#define t(a) a\n#define p() int\n#define q(x) x\n#define r(x,y) x "
      "## y\n"
      "#define str(x) # x\nf(y+1) + f(f(z)) % t(t(g)(0) + t)(1);\ng(x+(3,4)-w) | h 5) & m\n(f)^m(m);\n"
      "p() i[q()] = { q(1), r(2,3), r(4,), r(,5), r(,) };\nchar c[2][6] = { str(hello), str() };\n");
  Same(
      "#define str(s) # s\n#define xstr(s) str(s)\n"
      "#define debug(s, t) printf(\"x\" # s \"= %d, x\" # t \"= %s\", \\\nx ## s, x ## t)\n"
      "#define INCFILE(n) vers ## n\ndebug(1, 2);\nxstr(INCFILE(2).h)\n"
      "fputs(str(strncmp(\"abc\\0d\", \"abc\", '\\4') // this goes away\n== 0), s);\n");
  Left("#define str(s) # s\nstr(: @\\n)\n");
  Same(
      "#define str(s) # s\n#define glue(a, b) a ## b\n#define xglue(a, b) glue(a, b)\n#define HIGHLOW "
      "\"hello\"\n"
      "#define LOW LOW \", world\"\nglue(HIGH, LOW);\nxglue(HIGH, LOW)\n"
      "fputs(str(strncmp(\"abc\\0d\", \"abc\", '\\4') == 0), s);\n");
  Same(
      "#define t(x,y,z) x ## y ## z\nint j[] = { t(1,2,3), t(,4,5), t(6,,7), t(8,9,),\nt(10,,), t(,11,), "
      "t(,,12), t(,,) };\n");
  Same(
      "#define OBJ_LIKE (1-1)\n#define OBJ_LIKE /* white space */ (1-1) /* other */\n"
      "#define FUNC_LIKE(a) ( a )\n#define FUNC_LIKE( a )( /* note the white space */ \\\na /* other stuff "
      "on this line\n*/ )\n"
      "OBJ_LIKE FUNC_LIKE(1)\n");
  Same(
      "#define debug(...) fprintf(stderr, __VA_ARGS__)\n#define showlist(...) puts(#__VA_ARGS__)\n"
      "#define report(test, ...) ((test)?puts(#test):\\\nprintf(__VA_ARGS__))\n"
      "debug(\"Flag\");\ndebug(\"X = %d\\n\", x);\nshowlist(The first, second, and third items.);\n"
      "report(x>y, \"x is %d but y is %d\", x, y);\n");
}

TEST_F(PreprocessTest, Stringification) {
  const std::string head =
      "#define s(...) #__VA_ARGS__\n#define x(...) s(__VA_ARGS__)\n#define A 1 +  2\n#define E\n#define f(a) "
      "<a>\n";
  for (const char* use :
       {"s( a  b\t\tc ) s() s( ) s(,) s(a , b) s(a,b)", "s(\"a\\n\\\"b\") s('\\'' '\"') s(\"\\\\\")",
        "s(a\n  b\n\n c) x(A\nA)", "x(A) x( A ) x(-A-) x(A A) x(E) x(E a E) x(aE E)",
        "x(f(1)) x(f( 1 )) x(f(A)f(A)) x( f (1)f) x(f(E)) x(f(f(1)) f)",
        "s(A) s(f(1)) s(L\"x\" u8\"y\\0\" L'z') s(a/* c */b) s(a // c\n b)",
        "s(...) s(a##b) s(#a) s(a+++b) s(1e+5 .5)"})
    Same(head + use + "\n");
  Same("#define s(a) # a #a\n#define t(a, b) #a \" \" #b\ns(1 2) t(,x) t((a, b), c)\n");
}

TEST_F(PreprocessTest, Pasting) {
  Same(
      "#define p(a, b) a ## b\np(a, b) p(1, 2) p(a, 1) p(+, +) p(<, <=) p(-, >) p(., 5) p(1, e) p(, a) p(a,) "
      "p(,) p(L, \"x\")\n");
  Same(
      "#define A 1\n#define AB 2\n#define p(a, b) a ## b\n#define q(a, b) p(a, b)\n"
      "p(A, B) q(A, B) p(A B, A) p(A, A B) q(, AB) p(_, __LINE__) q(_, __LINE__)\n");
  Same(
      "#define o a ## b ## 1\n#define f(x) x ## _ ## x x\n#define g(x) [x ## x] x\no f(1) f(o) f(f) g() "
      "g(1)\n");
  Same("#define f(x) x ## f\n#define e(x, y) x ## y\nf(a) f(f)(1) e(e,)(1, 2)\n");
  Same("#define A(x) x##1 ## 2\n#define B(x) a ##x## b\nA(y) B( z ) B() A(1 2)\n");
}

TEST_F(PreprocessTest, Variadic) {
  const char* const uses = "f() f(1) f(1,) f(1,2) f(1,2,3) f(,) f(E) f(1,E)\n";
  for (const char* macro : {"f(...) [__VA_ARGS__]", "f(...) p(x, ## __VA_ARGS__)", "f(...) p(x, __VA_ARGS__)",
                            "f(a...) p(x, ## a)", "f(a...) p(#a, a)", "f(a...) p(x , ##a, y)"})
    Same(std::string("#define E\n#define ") + macro + "\n" + uses);
  for (const char* macro :
       {"f(a, ...) p(a, ## __VA_ARGS__)", "f(a, b...) p(a, ## b)", "f(a, ...) p(a, __VA_ARGS__)",
        "f(a, b...) p(a , ## b) #b", "f(a, ...) p(#a, ## __VA_ARGS__)", "f(a, ...) a ## __VA_ARGS__",
        "f(a, ...) g(a, ## __VA_ARGS__)"})
    Same(std::string("#define E\n#define g(...) <__VA_ARGS__>\n#define ") + macro +
         "\nf(1) f(1,) f(1,2) f(1,2,3) f(1,E) f(E,E) f(2,f(1,3))\n");
  Same("#define f(a, b, c...) a(b, ## c)\nf(1,2) f(1,2,) f(1,2,3) f(,) f(,,)\n");
  Same(
      "#define f(fmt, ...) printk(fmt, ##__VA_ARGS__)\n#define g(fmt, ...) f(\"a\" fmt, "
      "##__VA_ARGS__)\ng(\"x\"); g(\"x\", 1, 2); g(\"x\",);\n");
}

TEST_F(PreprocessTest, ArgumentsOverLinesWithDirectives) {
  Same("#define f(a, b) <a|b>\nf(1,\n2\n)\nf(\n\n\n1\n,\n\n2) x\ny f(1\n,2) z\n");
  Same(
      "#define f(a, b) <a|b>\nf(1\n#if 1\n, 2\n#else\n, 3\n#endif\n)\nf(\n#define A 4\nA,\n#undef "
      "A\nA)\nA\n");
  Same("#define f(a) <a>\nf(\n#undef f\n#define f(a) [a]\nf(1))\nf(2)\n");
  Same("#define f(a) <a>\nf(1\n#ifdef X\nskipped )\n#elif 1\n2\n#endif\n)\n");
  Same("#define f(a) <a>\nf(f(\n1\n)\nf(2\n) /* a\nb */\n3)\nx\n\n\n\n\n\n\n\n\n\n\n\n\ny\n");
}

TEST_F(PreprocessTest, Lines) {
  Same("__LINE__\n\n__LINE__ \\\n __LINE__ /* \n */ __LINE__\n#if __LINE__ == 5\nyes\n#endif\n");
  Same("#define L __LINE__\n#define f(a) a __LINE__ L\nL f(1)\nf(\nL\n)\nf(__LINE__\n__LINE__)\nf\n(\nL)\n");
  Same(
      "#define f(a) a\n#define g(a) f(a) __LINE__\n#define X x\nf(f(\n__LINE__\n) __LINE__\n__LINE__)\n"
      "g(\n__LINE__\nX __COUNTER__ __LINE__\n)\nf\n(X\n__LINE__ g(\n__LINE__))\n");
  Same(
      "#define cat(a, b) a ## b\n#define xcat(a, b) cat(a, b)\n#define s(a) #a\n#define xs(a) s(a)\n"
      "xcat(a,\n__LINE__) cat(,\n__LINE__)\nxs(\n__LINE__) cat(__LI,NE__)\ncat(__LI,\nNE__) "
      "xs(cat(__LI,\nNE__))\n");
  Same("#define f(a) a\n#if f(__LINE__) == 2 && \\\n __LINE__ == 3\nyes\n#endif\n");
}

TEST_F(PreprocessTest, Builtins) {
  Write(
      "inc/h.h",
      "__FILE__ __INCLUDE_LEVEL__ __BASE_FILE__ __LINE__ __COUNTER__\n#include \"i.h\"\n__INCLUDE_LEVEL__\n");
  Write("inc/i.h", "#define F(x) __FILE__ x\n__INCLUDE_LEVEL__ __FILE__\n");
  const std::string text =
      "__FILE__ __COUNTER__\n#include <h.h>\n__INCLUDE_LEVEL__ F(\n__FILE__) __COUNTER__ __BASE_FILE__\n";
  Same(text);
  Same({.text = text, .prefix_maps = {folder_ + "/="}});
  Same({.text = text, .prefix_maps = {folder_ + "/=x/", folder_ + "/inc=y"}});
  Same({.text = text, .prefix_maps = {folder_ + "/inc/h.h=z", "nothing=a"}});
  Same(
      "#define U(x) x ## __COUNTER__\n#define V(x) W(x, __COUNTER__)\n#define W(a, b) a ## b\nU(a) V(a) V(a) "
      "__COUNTER__\n");
  Same(
      "#ifdef __FILE__\n1\n#endif\n#if defined __COUNTER__ && !defined(__LINE_)\n2\n#endif\n__GNUC__ "
      "__x86_64__ linux\n");
}

TEST_F(PreprocessTest, DefinitionsOfTheCall) {
  Same({.text = "A B C D(3) E F G\n",
        .definitions = {"DA", "DB=", "DC=1 + 2", "DD(x)=x x", "DE=a=b", "DF", "UF", "UNOT", "DG=\"s\""}});
  Same({.text = "A __GNUC__\n", .definitions = {"DA=1", "DA=1", "U__GNUC__"}});
  Refused(Snippet{.text = "int A;\n", .definitions = {"DA=b", "DA=c"}}, "redefined");
}

TEST_F(PreprocessTest, FilesOfTheCallComeFirst) {
  Write("k.h", "#ifndef K\n#define K k\nfrom_k __INCLUDE_LEVEL__\n#endif\n");
  Write("inc/c.h", "from_c K __LINE__\n");
  Same({.text = "a K\n#include \"k.h\"\nb __LINE__\n", .includes = {folder_ + "/k.h", folder_ + "/inc/c.h"}});
  Same({.text = "a\n", .includes = {folder_ + "/inc/c.h", "c.h", folder_ + "/k.h"}});
}

TEST_F(PreprocessTest, Tokens) {
  Same("a+++b a---b x.y x->y a...b ->* .* 1e+5 1e +5 0x1.p-3 0xe+1 1.2.3 .5.e-x 08 1_000 a.5 ..5 ....5\n");
  Same(
      "L\"x\" u8\"y\" u\"z\" U\"w\" L'c' u'c' \"\\\"\" '\\\\' \"a\\\\\" '\"' \"'\" \"/*\" \"//\" x\"y\" L "
      "\"x\"\n");
  Same("#define L x\n#define f(a) -a\n#define m -\nL\"x\" L'a' L -m -f(-1) f(m) +f(+) <f(>) m-m m>\n");
  Same("a%=b a^=b a|=b a<<=b a>>=b a!=b a&&b a||b a::b a?:b @ ` ~ #\n# \nx\n");
  Same(
      "#define p +\n#define e\n#define d .\n#define n 1\n+p p+ p++ e+e+ d d d. .d 1d dn nd n.n 1 n nn n 1 +n "
      "e n\n");
  Same("#define x(a) a\nx(x)x (1)x(-)-x(-) x(>)= x(/)/ x(.)1 1x(2)x(a)b a x(b)\n");
}

TEST_F(PreprocessTest, SplicesAndComments) {
  Same("int a\\\n ;\n\"a\\\nb\" 'a\\\n' # \\\n\n#\\\ndefine \\\n A \\\n 1\nA\n/* \\\n */ b // c\n d\n");
  Same("#/* c */define/* d */A/* e */1\n/* f */ # /* g */ ifdef A // h\nA\n/* i\n j */ #endif /* k */\nx\n");
  Same(
      "#define A a \\\n  b \\\n\nA __LINE__\na/**/b a/* \n\n */b/*/ x */c /***/ d\n//\n// /* \nx /* // */ "
      "y\n");
  Same("/* **a**\\\n * b /\\\n c *\\\n\n*/ d __LINE__\n");
  for (const char* rare :
       {"ab\\\ncd\n", "12\\\n34\n", "+\\\n+\n", ".\\\n5\n", "/\\\n* c */\n", "a /* *\\\n/ b\n",
        "ab\\\n\\\ncd\n", "L\\\n\"x\"\n", "1e\\\n+5\n", ".\\\n..\n", "a\\u00c1\n",
        "#if 0\n/\\\n* c\n#endif\n*/\n#endif\n", "\xc3\xa4 = 1;\n", "<: :>\n", "%:define A\n", "R\"(x)\"\n"})
    Left(rare);
}

TEST_F(PreprocessTest, OddEnds) {
  Same("");
  Same("\n\n");
  Same("a");
  Same("#define f(x) x\nf");
  Same("a // b");
  Same("#define A 1");
  Same("#if 1\na\n#endif");
  Write("inc/f.h", "#define f(x) <x>\nf");
  Write("inc/e.h", "");
  Same("#include <f.h>\n(1)\n#include <e.h>\nf(2)\n");
  Left("a\r\nb\r\n");
  Left("a\rb\n");
}

TEST_F(PreprocessTest, Pragmas) {
  Same("a\n#pragma GCC visibility push(hidden)\nb\n  #  pragma pack(1)\nc\n#pragma\n");
  Same(
      "#define D(x) _Pragma(#x)\n#define W D(GCC diagnostic push) x D(GCC diagnostic ignored \"-Wx\")\n"
      "a _Pragma(\"pack(1)\") b\nW\n_Pragma(\"x \\\"y\\\"\") c\n\nD(a\nb) e\n\n\nf _Pragma(\"a\") "
      "_Pragma(\"b\") g\n");
  Same(
      "#define ID(x) x\n#define DO _Pragma(\"bar\") x\nID(_Pragma(\"a\") b) ID(ID(DO) c)\n_Pragma\n(\"baz\") "
      "y\n");
  Left("#define S(x) #x\n#define XS(x) S(x)\nXS(_Pragma(\"a\") b)\n");
  Left("#define A 1\n#pragma pack(A)\n");
  Refused("_Pragma(\"x \\\"\")\n", "missing terminating");
  Left("#pragma push_macro(\"A\")\n");
  Left("#pragma GCC poison A\n");
}

}  // namespace
}  // namespace kiln::cpp
