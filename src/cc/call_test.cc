#include "cc/call.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace kiln::cc {
namespace {

Call Kind(const std::vector<const char*>& words) {
  return CallOf(static_cast<int>(words.size()), words.data());
}

TEST(CallTest, OneFileIntoOneObject) {
  EXPECT_EQ(Kind({"gcc", "-O2", "-c", "-o", "a.o", "a.c"}), Call::kCompiles);
  EXPECT_EQ(Kind({"ccache", "gcc", "-c", "-o", "a.o", "/s/a.c"}), Call::kCompiles);
  EXPECT_EQ(Kind({"gcc", "-D__ASSEMBLY__", "-c", "-o", "a.o", "a.S"}), Call::kAssembles);
}

TEST(CallTest, EverythingElseIsTheCompilersOwn) {
  EXPECT_EQ(Kind({"gcc", "--version"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", "-x", "c", "-o", "a.o", "-"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", "-", "-o", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", "-x", "c", "/dev/null", "-o", "a.o"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-S", "-c", "-o", "a.s", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-E", "-c", "-o", "a.i", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-o", "a", "a.c"}), Call::kOther);
  EXPECT_EQ(Kind({"gcc", "-c", ".c"}), Call::kOther);
  EXPECT_EQ(Kind({}), Call::kOther);
}

TEST(CallTest, TheObjectIsTheLastOneNamed) {
  const std::vector<const char*> words = {"gcc", "-o", "a.o", "-c", "-o", "b.o", "a.c"};
  EXPECT_STREQ(ObjectOf(static_cast<int>(words.size()), words.data()), "b.o");
  const std::vector<const char*> none = {"gcc", "-c", "a.c", "-o"};
  EXPECT_EQ(ObjectOf(static_cast<int>(none.size()), none.data()), nullptr);
}

}  // namespace
}  // namespace kiln::cc
