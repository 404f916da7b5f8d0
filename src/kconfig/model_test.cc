#include "kconfig/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kconfig/evaluate.h"
#include "kconfig/macro.h"
#include "kconfig/search.h"

namespace kiln::kconfig {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

FakeFiles Tree(const std::string& text) {
  FakeFiles files;
  files.texts["/t/Kconfig"] = text;
  return files;
}

Model Read(const FakeFiles& files) {
  auto model = ReadModel(files, {.tree = "/t"});
  EXPECT_TRUE(model) << model.error().Text();
  return model ? *std::move(model) : Model{};
}

const Entry& Definition(const Model& model, std::string_view name) {
  return model.entry(model.symbol(model.Find(name)).entries.at(0));
}

TEST(Model, ReadsEveryAttribute) {
  const Model model = Read(Tree(R"k(mainmenu "Linux/$(ARCH)"
# A comment.
menu "Outer"
	depends on NET
	visible if EXPERT
config FOO
	tristate "Foo it" if EXPERT && \
		BAR
	depends on A || (B && !C)
	depends on D = "x y"
	select BAZ if A
	imply QUX
	default m if B
	help
	  What it does.

	    Indented.
	  config NOT_ONE
config SIZE
	int "Size"
	range 4 SIZE_MAX if A
	default 12
endmenu
comment "nothing"
	depends on FOO
)k"));
  EXPECT_THAT(model.problems, IsEmpty());
  const Entry& foo = Definition(model, "CONFIG_FOO");
  EXPECT_EQ(foo.prompt, "Foo it");
  EXPECT_EQ(model.Text(foo.prompt_condition), "EXPERT && BAR");
  EXPECT_EQ(model.Text(foo.depends), "(A || B && !C) && D = x y");
  EXPECT_EQ(model.Where(foo.place), "Kconfig:6");
  EXPECT_EQ(foo.depends_line, 9u);
  ASSERT_EQ(foo.selects.size(), 2u);
  EXPECT_FALSE(foo.selects[0].imply);
  EXPECT_TRUE(foo.selects[1].imply);
  EXPECT_EQ(model.Text(foo.defaults.at(0).value), "m");
  EXPECT_THAT(std::string(foo.help), HasSubstr("config NOT_ONE"));
  EXPECT_EQ(model.Find("NOT_ONE"), kNone);
  EXPECT_EQ(model.symbol(model.Find("SIZE")).type, Type::kInt);
  EXPECT_EQ(model.Text(Definition(model, "SIZE").ranges.at(0).high), "SIZE_MAX");
  EXPECT_EQ(model.MenuPath(model.symbol(model.Find("FOO")).entries[0]), "Outer");
  EXPECT_FALSE(model.symbol(model.Find("BAZ")).defined());
  EXPECT_EQ(model.symbol(model.Find("BAZ")).selected_by.size(), 1u);
}

TEST(Model, WhatDependsOnAMenuconfigStandsBelowIt) {
  const Model model = Read(Tree(R"k(menu "Device Drivers"
config BEFORE
	bool "Before"
menuconfig USB_SUPPORT
	bool "USB support"
if USB_SUPPORT
config USB
	tristate "Host-side USB"
menuconfig USB_GADGET
	bool "Gadgets"
config USB_ETH
	bool "Ethernet"
	depends on USB_GADGET && NET
endif
config USB_STORAGE
	bool "Storage"
	depends on USB_SUPPORT
config PCI
	bool "PCI"
config LATE
	bool "Late"
	depends on USB_SUPPORT
endmenu
)k"));
  const auto path = [&](std::string_view name) {
    return model.MenuPath(model.symbol(model.Find(name)).entries.at(0));
  };
  EXPECT_EQ(path("BEFORE"), "Device Drivers");
  EXPECT_EQ(path("USB_SUPPORT"), "Device Drivers");
  EXPECT_EQ(path("USB"), "Device Drivers > USB support");
  EXPECT_EQ(path("USB_GADGET"), "Device Drivers > USB support");
  EXPECT_EQ(path("USB_ETH"), "Device Drivers > USB support > Gadgets");
  EXPECT_EQ(path("USB_STORAGE"), "Device Drivers > USB support");
  EXPECT_EQ(path("PCI"), "Device Drivers");
  EXPECT_EQ(path("LATE"), "Device Drivers");  // PCI stands between.
}

TEST(Model, SourcesFilesAndPatterns) {
  FakeFiles files = Tree(
      "source \"arch/$(SRCARCH)/Kconfig\"\nsource \"drv/*/Kconfig\"\nosource \"none\"\n"
      "source \"gone\"\nsource \"../up\"\nsource \"$(shell,x)\"\n");
  files.texts["/t/arch/x86/Kconfig"] = "config X86\n\tdef_bool y\n";
  files.texts["/t/drv/a/Kconfig"] = "config A\n\tbool\nrsource \"more\"\n";
  files.texts["/t/drv/a/more"] = "config B\n\tbool\n";
  files.texts["/t/drv/b/Kconfig"] = "source \"drv/b/Kconfig\"\nconfig C\n\tbool\n";
  const Model model = Read(files);
  for (const char* name : {"X86", "A", "B", "C"}) EXPECT_TRUE(model.Find(name) != kNone) << name;
  ASSERT_EQ(model.problems.size(), 4u);
  EXPECT_EQ(model.problems[0].where, "drv/b/Kconfig:1");
  EXPECT_THAT(model.problems[0].message, HasSubstr("being read already"));
  EXPECT_EQ(model.problems[1].where, "Kconfig:4");
  EXPECT_THAT(model.problems[2].message, HasSubstr("out of the tree"));
  EXPECT_THAT(model.problems[3].message, HasSubstr("without running a program"));
}

TEST(Model, MacrosThatNeedAProgramStayAsTheyAreWritten) {
  const Model model = Read(Tree(R"k(success = $(shell,{ $(1); } && echo y)
cc-option = $(success,cc $(1))
plain := text
config A
	bool "a $(plain)"
	depends on $(cc-option,-fsanitize=kcfi) && "$(ARCH)" = "x86"
)k"));
  EXPECT_THAT(model.problems, IsEmpty());
  EXPECT_EQ(Definition(model, "A").prompt, "a text");
  EXPECT_EQ(model.Text(Definition(model, "A").depends), "$(cc-option,-fsanitize=kcfi) && x86 = x86");
  const DotConfig config;
  const Evaluator evaluator(model, config);
  EXPECT_EQ(evaluator.Of(Definition(model, "A").depends), (Truth{0, 2}));
}

TEST(Model, ProblemsHavePlaces) {
  const Model model =
      Read(Tree("config\nbogus line\nconfig A\n\tbool \"a\" unless B\n\tdepends on (A\nendmenu\n\tdepends "
                "on\nmenu \"x\"\n"));
  std::vector<std::string> where;
  for (const ReadProblem& problem : model.problems) where.push_back(problem.where);
  EXPECT_THAT(where, ElementsAre("Kconfig:1", "Kconfig:2", "Kconfig:4", "Kconfig:5", "Kconfig:6", "Kconfig:7",
                                 "Kconfig:8"));
  EXPECT_EQ(ReadModel(FakeFiles(), {.tree = "/t"}).error().code(), ErrorCode::kNotFound);
}

TEST(Model, BombsAreBounded) {
  std::string macros = "X0 = aaaaaaaaaa\n";
  for (int i = 1; i < 60; ++i) macros += fmt::format("X{} = $(X{})$(X{})\n", i, i - 1, i - 1);
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += '(';
  const Model model = Read(Tree(macros + "config A\n\tbool \"$(X59)\"\n\tdepends on " + deep +
                                "B\nA = $(A)\nconfig C\n\tdefault \"$(A)\"\n"));
  EXPECT_EQ(model.problems.size(), 1u);
  EXPECT_FALSE(ReadModel(Tree([] {
                           std::string text;
                           for (int i = 0; i < 500; ++i) text += "if A\n";
                           return text;
                         }()),
                         {.tree = "/t"}));
}

TEST(Evaluate, Tristates) {
  const Model model = Read(Tree(R"k(config MODULES
	bool "m"
	modules
config A
	tristate "a"
config B
	tristate "b"
	depends on A && m
config C
	bool "c"
	depends on A
config N
	int "n"
config S
	string "s"
config D
	bool "d"
	depends on N >= 0x10 && S = "x" && A != n && A < y && UNDEFINED = n
)k"));
  auto config = *DotConfig::Parse("CONFIG_MODULES=y\nCONFIG_A=m\nCONFIG_N=16\nCONFIG_S=\"x\"\n");
  const Evaluator evaluator(model, config);
  EXPECT_EQ(evaluator.Visible(model.Find("B")), (Truth{1, 1}));
  EXPECT_EQ(evaluator.Visible(model.Find("C")), (Truth{2, 2}));  // m is enough for a bool.
  // An undefined symbol is n as a tristate, but its own name as a text.
  EXPECT_EQ(evaluator.Visible(model.Find("D")), (Truth{0, 0}));
  config.Set("MODULES", "n");
  EXPECT_EQ(evaluator.Visible(model.Find("B")), (Truth{0, 0}));
}

TEST(Search, NamesThenPromptsThenHelp) {
  const Model model =
      Read(Tree("config FOO\n\tbool \"x\"\n\thelp\n\t  About bar.\nconfig BAR_MORE\n\tbool \"y\"\nconfig "
                "Z\n\tbool \"the bar\"\nconfig BAR\n\tbool\n"));
  std::vector<std::string> names;
  for (const Hit& hit : SearchSymbols(model, "CONFIG_BAR"))
    names.emplace_back(model.symbol(model.entry(hit.entry).symbol).name);
  EXPECT_THAT(names, ElementsAre("BAR", "BAR_MORE", "Z", "FOO"));
  EXPECT_THAT(SearchSymbols(model, " "), IsEmpty());
}

}  // namespace
}  // namespace kiln::kconfig
