#include "trim/names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiln::trim {
namespace {

uint32_t NumberOf(Names& names, const char* text) {
  return names.Of(text, static_cast<uint32_t>(std::string_view(text).size()));
}

TEST(NamesTest, EachNameHasOneNumber) {
  Names names;
  ASSERT_TRUE(names.Reserve(0));
  const uint32_t one = NumberOf(names, "one");
  EXPECT_EQ(NumberOf(names, std::string("one").c_str()), one);
  EXPECT_NE(NumberOf(names, "on"), one);
  EXPECT_EQ(names[one].word, Word::kName);
  EXPECT_EQ(std::string(names[one].text, names[one].size), "one");
}

TEST(NamesTest, SpellingsOfAWordMeanTheSame) {
  Names names;
  ASSERT_TRUE(names.Reserve(0));
  for (const char* text : {"inline", "__inline", "__inline__"})
    EXPECT_EQ(names[NumberOf(names, text)].word, Word::kInline) << text;
  EXPECT_EQ(names[NumberOf(names, "union")].word, Word::kTag);
  EXPECT_EQ(names[NumberOf(names, "__used__")].word, Word::kBinding);
  EXPECT_EQ(names[NumberOf(names, "memset")].word, Word::kImplied);
}

TEST(NamesTest, MoreThanWereReservedIsSaid) {
  Names names;
  ASSERT_TRUE(names.Reserve(0));
  std::vector<std::string> many(3000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = "n" + std::to_string(i);
  for (const auto& one : many) NumberOf(names, one.c_str());
  EXPECT_TRUE(names.full());
  Names enough;
  ASSERT_TRUE(enough.Reserve(many.size() * 128));
  for (const auto& one : many) NumberOf(enough, one.c_str());
  EXPECT_FALSE(enough.full());
  EXPECT_EQ(NumberOf(enough, "n2999"), NumberOf(enough, many[2999].c_str()));
}

}  // namespace
}  // namespace kiln::trim
