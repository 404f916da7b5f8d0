#include "trim/declarations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace kiln::trim {
namespace {

class Read {
 public:
  explicit Read(std::string text) : text_(std::move(text)) {
    well_ = ReadDeclarations(text_.data(), text_.size(), unit_);
  }

  bool well() const { return well_; }
  Unit& unit() { return unit_; }
  size_t count() const { return unit_.declarations.size(); }
  const Declaration& operator[](size_t at) const { return unit_.declarations[at]; }
  std::string TextOf(size_t at) const {
    return text_.substr(unit_.declarations[at].begin,
                        unit_.declarations[at].end - unit_.declarations[at].begin);
  }

  std::vector<std::string> Declared(size_t at, Space space = Space::kOrdinary) {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < unit_.names.size(); ++i)
      for (uint32_t link = unit_.names[i].declared[static_cast<int>(space)]; link != 0;
           link = unit_.links[link].before)
        if (unit_.links[link].declaration == at) names.emplace_back(unit_.names[i].text, unit_.names[i].size);
    std::ranges::sort(names);
    return names;
  }
  bool Mentions(size_t at, std::string_view name, Space space = Space::kOrdinary) {
    for (uint32_t i = unit_.declarations[at].mentions; i < unit_.declarations[at].mentions_end; ++i) {
      const Name& mentioned = unit_.names[unit_.mentions[i].name];
      if (std::string_view(mentioned.text, mentioned.size) == name &&
          unit_.mentions[i].space == static_cast<uint32_t>(space))
        return true;
    }
    return false;
  }

 private:
  std::string text_;
  Unit unit_;
  bool well_ = false;
};

const std::string kHeader = "# 0 \"a.c\"\n# 1 \"a.h\" 1\n";

using Strings = std::vector<std::string>;

// What one declaration of a header declares, and whether it can't be left out.
struct Case {
  const char* text;
  Strings ordinary;
  Strings tags;
  bool needed;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    Read read(kHeader + one.text + "\n");
    ASSERT_TRUE(read.well()) << one.text;
    ASSERT_EQ(read.count(), 1U) << one.text;
    EXPECT_EQ(read.TextOf(0), one.text);
    EXPECT_EQ(read.Declared(0), one.ordinary) << one.text;
    EXPECT_EQ(read.Declared(0, Space::kTag), one.tags) << one.text;
    EXPECT_EQ(read[0].needed, one.needed) << one.text;
  }
}

TEST(DeclarationsTest, PrototypesAndTypedefs) {
  Check({{"int f(int a, char *b);", {"f"}, {}, false},
         {"extern unsigned long f(void), *g(void);", {"f", "g"}, {}, false},
         {"size_t f(size_t);", {"f"}, {}, false},
         {"typedef int t, *p;", {"p", "t"}, {}, false},
         {"typedef void (f)(int);", {"f"}, {}, false},
         {"typedef void (*f)(int, ...);", {"f"}, {}, false},
         {"typedef int t[4];", {"t"}, {}, false},
         {"typedef __typeof__(sizeof(int)) size_t;", {"size_t"}, {}, false},
         {"__extension__ typedef long long t;", {"t"}, {}, false},
         {"__attribute__((nonnull(1))) int f(void *) __attribute__((pure));", {"f"}, {}, false}});
}

TEST(DeclarationsTest, StructuresAndEnumerations) {
  Check({{"struct s;", {}, {"s"}, false},
         {"struct s { int a; struct in { int b; } c; union { int d; enum e { A, B = 2 } f; }; };",
          {"A", "B"},
          {"e", "in", "s"},
          false},
         {"struct s { int a; } __attribute__((packed));", {}, {"s"}, false},
         {"enum { A = 1, B = (A + 3), C };", {"A", "B", "C"}, {}, false},
         {"enum e { A __attribute__((deprecated)), B };", {"A", "B"}, {"e"}, false},
         {"typedef struct { int a; } t;", {"t"}, {}, false},
         {"typedef struct s { int a; } t;", {"t"}, {"s"}, false},
         {"struct s *f(struct other *);", {"f"}, {"s"}, false}});
}

TEST(DeclarationsTest, ObjectsStay) {
  Check({{"extern int a, b[3];", {"a", "b"}, {}, false},
         {"extern int (*f)(void);", {"f"}, {}, false},
         {"int a;", {"a"}, {}, true},
         {"static const int a = 3, b[] = {1, 2};", {"a", "b"}, {}, true},
         {"int (*f)(void);", {"f"}, {}, true},
         {"int (*f[3])(void);", {"f"}, {}, true},
         {"struct s { int a; } b;", {"b"}, {"s"}, true},
         {"register unsigned long sp __asm__(\"rsp\");", {"sp"}, {}, true}});
}

TEST(DeclarationsTest, FunctionsStayWhenTheyMayBeInTheObject) {
  Check({{"static inline int f(int a) { return a; }", {"f"}, {}, false},
         {"extern inline __attribute__((gnu_inline)) int f(void) { return 0; }", {"f"}, {}, false},
         {"static int __attribute__((unused)) f(void) { return 0; }", {"f"}, {}, false},
         {"extern inline int f(void) { return 0; }", {"f"}, {}, true},
         {"inline int f(void) { return 0; }", {"f"}, {}, true},
         {"int f(void) { return 0; }", {"f"}, {}, true},
         {"static inline int f(void) { static int n; return n++; }", {"f"}, {}, true},
         {"static inline __attribute__((used)) int f(void) { return 0; }", {"f"}, {}, true},
         {"[[gnu::used]] static inline int f(void) { return 0; }", {}, {}, true},
         {"extern int f(void) __attribute__((alias(\"g\")));", {"f"}, {}, true}});
}

// Their declarations decide how the compiler's own calls of them look.
TEST(DeclarationsTest, WhatTheCompilerCallsOfItsOwnAccordStays) {
  Check({{"void *memset(void *, int, unsigned long);", {"memset"}, {}, true},
         {"extern int f(void) __asm__(\"g\");", {"f"}, {}, true}});
}

TEST(DeclarationsTest, WhatIsNotUnderstoodStays) {
  const Read read(kHeader + "int (a);\nb (c);\nb [[d]] e;\n");
  ASSERT_TRUE(read.well());
  ASSERT_EQ(read.count(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(read[i].needed) << read.TextOf(i);
}

TEST(DeclarationsTest, AHelperIsAFunctionThatIsStaticButNotInline) {
  Read read(kHeader + "static int f(void) { return 0; }\n");
  ASSERT_TRUE(read.well());
  EXPECT_TRUE(read[0].is_helper);
  EXPECT_TRUE(read[0].is_function);
  EXPECT_EQ(read[0].helper, read.unit().names.Of("f", 1));
}

TEST(DeclarationsTest, AssemblyAssertionsAndPragmas) {
  Check({{"asm(\".globl a\");", {}, {}, true},
         {"_Static_assert(sizeof(int) == 4, \"; } {\");", {}, {}, true},
         {"#pragma pack(push, 1)", {}, {}, true}});
  Read read(kHeader + "#pragma weak name = other\nasm(\".quad third\");\n");
  ASSERT_TRUE(read.well());
  EXPECT_TRUE(read.Mentions(0, "name") && read.Mentions(0, "other"));
  EXPECT_TRUE(read.Mentions(1, "third"));
}

TEST(DeclarationsTest, TheFileItselfStays) {
  const Read read("# 0 \"a.c\"\ntypedef int t;\n# 1 \"a.h\" 1\ntypedef int u;\n# 3 \"a.c\" 2\nextern t v;\n");
  ASSERT_TRUE(read.well());
  ASSERT_EQ(read.count(), 3U);
  EXPECT_TRUE(read[0].needed);
  EXPECT_FALSE(read[1].needed);
  EXPECT_TRUE(read[2].needed);
  EXPECT_EQ(read[2].at.line, 3U);
}

TEST(DeclarationsTest, MentionsOfAFunction) {
  Read read(kHeader +
            "static inline int f(struct s *p, t q) { case 1 ... LAST: return p->member + q.other + "
            "g(1.5e+3f); }\n");
  ASSERT_TRUE(read.well());
  EXPECT_TRUE(read.Mentions(0, "s", Space::kTag));
  for (const char* name : {"t", "g", "LAST"}) EXPECT_TRUE(read.Mentions(0, name)) << name;
  for (const char* name : {"member", "other", "f3"}) EXPECT_FALSE(read.Mentions(0, name)) << name;
}

TEST(DeclarationsTest, TheNameOfAMemberIsNobodys) {
  Read read(kHeader + "struct s { t member; const u; v *pointer; int bits : WIDTH; int array[SIZE]; };\n");
  ASSERT_TRUE(read.well());
  for (const char* name : {"t", "u", "v", "WIDTH", "SIZE"}) EXPECT_TRUE(read.Mentions(0, name)) << name;
  for (const char* name : {"member", "pointer", "bits"}) EXPECT_FALSE(read.Mentions(0, name)) << name;
}

TEST(DeclarationsTest, ABuiltinIsAlsoTheFunction) {
  Read read(kHeader + "static inline int f(void) { return __builtin_ffs(3); }\n");
  ASSERT_TRUE(read.well());
  EXPECT_TRUE(read.Mentions(0, "ffs"));
}

TEST(DeclarationsTest, MarkersMayStandWithin) {
  Read read("# 0 \"a.c\"\n# 1 \"a.h\" 1 3\nint f(\n# 7 \"b.h\" 3 4\nint a);\nint g(void);\n");
  ASSERT_TRUE(read.well());
  ASSERT_EQ(read.count(), 2U);
  EXPECT_EQ(read[0].at.line, 1U);
  EXPECT_EQ(read[1].at.line, 8U);
  const File& file = read.unit().files[read[1].at.file];
  EXPECT_EQ(std::string(file.name, file.size), "\"b.h\"");
  EXPECT_TRUE(file.is_system && file.is_header);
}

TEST(DeclarationsTest, BracketsInTextAreNone) {
  const Read read(
      kHeader +
      "static inline char f(void) { g(\"};\\\"{(\"); return '\\'' + '{' + '\"'; }\nint h(void);\r\n");
  ASSERT_TRUE(read.well());
  EXPECT_EQ(read.count(), 2U);
}

TEST(DeclarationsTest, OtherTextsAreRefused) {
  for (const char* text :
       {"", "int a;\n", "#include <a.h>\n", "# 1 a.c\n", "# 1 \"a.c\n", "# 99999999999 \"a.c\"\n"})
    EXPECT_FALSE(Read(text).well()) << text;
  for (const char* text : {"int f(;\n", "int a[3;\n", "}\n", "int f(int];\n", "int a", "char *a = \"b\n\";\n",
                           "#define A\n", "int # 1 \"b.h\"\n", "char *a = R\"(\")\";\n"})
    EXPECT_FALSE(Read(kHeader + text).well()) << text;
  EXPECT_TRUE(Read("# 0 \"a.c\"\n").well());
}

}  // namespace
}  // namespace kiln::trim
