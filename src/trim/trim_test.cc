#include "trim/trim.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "run_gcc.h"

namespace kiln::trim {
namespace {

using testing::TempDir;

class TrimTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = TempDir() + "/trim-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_TRUE(known_.Open((folder_ + "/known").c_str()));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // What is left; "-" when it can't be told. With `learns` the compiler took it.
  std::string Left(const std::string& text, bool learns = false, uint64_t seed = 1) {
    Trimmed trimmed;
    if (!Trim(text.data(), text.size(), seed, known_, trimmed)) return "-";
    if (learns)
      for (const uint64_t digest : trimmed.checked) known_.Add(digest);
    return {trimmed.text.begin(), trimmed.text.end()};
  }

  // Whether the header's declaration that holds `what` is left, when `before` was compiled before.
  bool IsLeft(const std::string& before, const std::string& now, const std::string& what) {
    Left(InHeader(before), true);
    return Left(InHeader(now)).find(what) != std::string::npos;
  }

  static std::string InHeader(const std::string& text) {
    return "# 0 \"a.c\"\n# 1 \"a.h\" 1\n" + text + "# 2 \"a.c\" 2\nint x;\n";
  }

  std::string folder_;
  Known known_;
};

TEST_F(TrimTest, WhatIsKnownAndNotNeededIsLeftOut) {
  const std::string text =
      InHeader("typedef int t;\nstruct s { t a; };\nint f(struct s *);\nint g(void);\n") +
      "int y(void) { return f(0); }\n";
  const std::string whole = Left(text, true);
  EXPECT_EQ(whole,
            "# 0 \"a.c\"\n# 1 \"a.h\"\ntypedef int t;\nstruct s { t a; };\nint f(struct s *);\nint g(void);\n"
            "# 2 \"a.c\"\nint x;\nint y(void) { return f(0); }\n");
  EXPECT_EQ(Left(text),
            "# 0 \"a.c\"\n# 1 \"a.h\"\ntypedef int t;\nstruct s { t a; };\nint f(struct s *);\n"
            "# 2 \"a.c\"\nint x;\nint y(void) { return f(0); }\n");
}

TEST_F(TrimTest, LinesAndColumnsStay) {
  const std::string header =
      "# 1 \"a.h\" 1 3\nint f(void);\n\n\n  int g(void); int h(void);\n# 40 \"a.h\" 3\nint i(\n# 50 \"b.h\" "
      "3\nint);\nint j(void);\n";
  const std::string text =
      "# 0 \"a.c\"\n" + header + "# 2 \"a.c\" 2\nint x(void) { return f() + h() + i(1) + j(); }\n";
  Left(text, true);
  EXPECT_EQ(
      Left(text),
      "# 0 \"a.c\"\n# 1 \"a.h\" 3\nint f(void);\n\n\n               int h(void);\n# 40 \"a.h\" 3\nint i(\n"
      "# 50 \"b.h\" 3\nint);\n# 51 \"b.h\" 3\nint j(void);\n"
      "# 2 \"a.c\"\nint x(void) { return f() + h() + i(1) + j(); }\n");
}

TEST_F(TrimTest, TheSeedMatters) {
  const std::string text = InHeader("int f(void);\n");
  Left(text, true, 1);
  EXPECT_EQ(Left(text, false, 1).find("f(void)"), std::string::npos);
  EXPECT_NE(Left(text, false, 2).find("f(void)"), std::string::npos);
}

constexpr char kUses[] = "static inline int f(struct s *p) { return p->a; }\n";

TEST_F(TrimTest, AChangeOfWhatAFunctionMentionsMakesItUnknown) {
  const std::string before = std::string("struct s { int a; };\n") + kUses;
  EXPECT_FALSE(IsLeft(before, before, "inline"));
  EXPECT_TRUE(IsLeft(before, std::string("struct s { long a; };\n") + kUses, "inline"));
  EXPECT_TRUE(IsLeft(before, std::string("struct s;\n") + kUses, "inline"));
}

TEST_F(TrimTest, WhatComesTooLateMakesAFunctionUnknown) {
  const std::string whole = "struct s { int a; };\n";
  EXPECT_TRUE(IsLeft(whole + kUses, "struct s;\n" + std::string(kUses) + whole, "inline"));
  const std::string calls = "static inline int c(void) { return g(); }\n";
  EXPECT_TRUE(IsLeft("int g(void);\n" + calls, calls + "int g(void);\n", "inline"));
}

TEST_F(TrimTest, AChangeIsSeenThroughOthers) {
  const std::string rest =
      "typedef struct s t;\nstruct u { t a; };\nstatic inline int f(struct u *p) { return p->a.a; }\n";
  EXPECT_TRUE(IsLeft("struct s { int a; };\n" + rest, "struct s { int b; };\n" + rest, "inline"));
}

TEST_F(TrimTest, AStructureBehindAPointerDoesNotMatterToAPrototype) {
  EXPECT_FALSE(IsLeft("struct s { int a; };\nint f(struct s *p);\n",
                      "struct s { long a; };\nint f(struct s *p);\n", "int f"));
  EXPECT_TRUE(IsLeft("struct s { int a; };\nint f(struct s p);\n",
                     "struct s { long a; };\nint f(struct s p);\n", "int f"));
}

// gcc warns of it.
TEST_F(TrimTest, AHelperThatNothingUsesIsKept) {
  const std::string helper = "static int h(void) { return 0; }\n";
  EXPECT_TRUE(IsLeft(helper, helper, "int h"));
  const std::string used = helper + "static inline int f(void) { return h(); }\n";
  EXPECT_FALSE(IsLeft(used, used, "int h"));
}

TEST_F(TrimTest, WhatIsNoPreprocessedTextIsNotTrimmed) { EXPECT_EQ(Left("int a;\n"), "-"); }

class TrimGccTest : public TrimTest {
 protected:
  void SetUp() override {
    TrimTest::SetUp();
    if (!Gcc({"--version"})) GTEST_SKIP() << "there is no gcc";
  }

  bool Gcc(std::vector<std::string> arguments) {
    return RunGcc(std::move(arguments), [this] { return chdir(folder_.c_str()) == 0; }) == 0;
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

constexpr char kProgramHeader[] = R"(
typedef unsigned int u32; typedef int (*compare)(const void *, const void *);
struct list { struct list *next; }; union both { u32 a; float b; };
enum { RED, GREEN = RED + 3, BLUE }; enum kind { FIRST, LAST = 9 };
struct item { struct list list; enum kind kind; union both both; struct { u32 in : 3; }; char name[BLUE]; };
extern struct list head; extern u32 counts[LAST]; int (*hook)(u32); u32 common_one;
static const u32 table[] = {RED, GREEN, BLUE}; int declared(struct item *, u32); void *memset(void *, int, unsigned long);
static inline u32 twice(u32 a) { return a * 2; }
static inline u32 of(const struct item *i) { switch (i->kind) { case FIRST ... LAST: return twice(i->both.a); } return 0; }
static inline u32 counted(void) { static u32 calls; return ++calls; }
static inline u32 never(struct item *i) { return i->in + counts[GREEN]; }
static int helper(u32 a) { return (int)a + 1; }
static inline int uses_helper(u32 a) { return helper(a); }
static int __attribute__((unused)) maybe(void) { return 3; }
static int __attribute__((used)) always(void) { return BLUE; }
[[gnu::used]] static inline int always_too(void) { return GREEN; }
extern inline __attribute__((gnu_inline)) int old(int a) { return a; }
asm(".globl outside\noutside = 5"); _Static_assert(sizeof(u32) == 4, "; }");
#pragma weak aliased = declared_too
int declared_too(void) { return 0; }
)";
constexpr char kProgram[] = R"(
#include "a.h"
struct list head;
static struct item zero(void) { struct item i = {.kind = LAST}; return i; }
int main(int count, char **words) { struct item i = zero(); i.both.a = (u32)count;
  return (int)of(&i) + old(3) + declared(&i, table[count]) + (int)counted() + words[0][0] + __LINE__; }
)";

TEST_F(TrimGccTest, TheObjectIsTheSame) {
  std::ofstream(folder_ + "/a.h") << kProgramHeader;
  std::ofstream(folder_ + "/a.c") << kProgram;
  for (const char* option : {"-O1", "-O2", "-Os"}) {
    ASSERT_TRUE(Gcc({option, "-w", "-c", "-o", "whole.o", "a.c"}));
    ASSERT_TRUE(Gcc({"-E", "-w", "-o", "a.i", "a.c"}));
    size_t before = 0;
    for (const bool is_first : {true, false}) {
      const std::string left = Left(Read("a.i"), true, static_cast<uint64_t>(std::string_view(option)[2]));
      ASSERT_NE(left, "-");
      if (!is_first) {
        EXPECT_LT(left.size(), before);
      }
      before = left.size();
      std::ofstream(folder_ + "/left.i") << left;
      ASSERT_TRUE(Gcc({option, "-w", "-c", "-o", "left.o", "-x", "cpp-output", "left.i"})) << left;
      EXPECT_TRUE(Read("left.o") == Read("whole.o")) << option << " " << is_first << "\n" << left;
    }
  }
}

}  // namespace
}  // namespace kiln::trim
