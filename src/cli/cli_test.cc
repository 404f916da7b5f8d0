#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/help.h"
#include "cli/main.h"
#include "cli/parser.h"
#include "cli/repeat_command.h"
#include "cli/run_printer.h"
#include "cli/run_request.h"
#include "cli/terminal.h"
#include "sys/fd.h"
#include "sys/files.h"

namespace kiln::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<Parsed> ParseRun(const std::vector<std::string>& arguments) {
  return Parse(*FindCommand("run"), arguments);
}

TEST(Spec, EveryNameIsUsedOnce) {
  for (const CommandSpec& command : Commands()) {
    EXPECT_EQ(FindCommand(command.name), &command);
    EXPECT_FALSE(command.summary.empty()) << command.name;
    std::vector<std::string> names;
    for (const OptionSpec& option : OptionsOf(command)) {
      EXPECT_TRUE(option.names.starts_with("--")) << option.names;
      EXPECT_FALSE(option.doc.empty() || option.doc.ends_with('.')) << option.names;
      for (const auto name : Split(option.names, ',')) {
        EXPECT_THAT(names, ::testing::Not(::testing::Contains(std::string(name)))) << command.name;
        names.emplace_back(name);
      }
    }
  }
}

TEST(Parser, FindsCommandsOfOneAndTwoWords) {
  EXPECT_EQ(FindIn({"runs"})->command->name, "runs");
  EXPECT_EQ(FindIn({"runs", "show", "x"})->words, 2U);
  EXPECT_EQ(FindIn({"runs", "--json"})->words, 1U);
  EXPECT_THAT(FindIn({"rnu"}).error().hint(), HasSubstr("`kiln run`"));
}

TEST(Parser, TheCommandBeginsAtItsFirstWordOrAfterTwoDashes) {
  EXPECT_THAT(ParseRun({"uname", "-a"})->operands, ElementsAre("uname", "-a"));
  EXPECT_THAT(ParseRun({"--", "uname", "-a"})->operands, ElementsAre("uname", "-a"));
  EXPECT_THAT(ParseRun({"-p", "2", "sh", "-c", "x -- y", "--", "-p", "3"})->operands,
              ElementsAre("sh", "-c", "x -- y", "--", "-p", "3"));
  EXPECT_THAT(ParseRun({"--cpus=2", "--", "--", "x"})->operands, ElementsAre("--", "x"));
  EXPECT_THAT(ParseRun({"--", "-weird"})->operands, ElementsAre("-weird"));
  EXPECT_THAT(ParseRun({"--", "", "a b"})->operands, ElementsAre("", "a b"));
  EXPECT_THAT(ParseRun({"true", "--help", "--json"})->operands, ElementsAre("true", "--help", "--json"));
  EXPECT_THAT(ParseRun({})->operands, IsEmpty());
  EXPECT_FALSE(ParseRun({"true", "--json"})->Has("--json"));
}

TEST(Parser, ValuesAreTakenAsTheyAre) {
  const auto parsed =
      ParseRun({"-a", "-x", "--append=[a,b]", "--append", "", "-p2", "--append", "--json", "-vq", "x"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().Text();
  EXPECT_THAT(parsed->All("--append"), ElementsAre("-x", "[a,b]", "", "--json"));
  EXPECT_EQ(parsed->Last("--cpus"), "2");
  EXPECT_TRUE(parsed->Has("--verbose"));
  EXPECT_TRUE(parsed->Has("--quiet"));
  EXPECT_FALSE(parsed->Has("--json"));
  EXPECT_THAT(parsed->operands, ElementsAre("x"));
}

TEST(Parser, MistakesSayWhatWasExpected) {
  EXPECT_THAT(ParseRun({"--memroy", "1G"}).error().TextWithHint(), HasSubstr("did you mean --memory?"));
  EXPECT_THAT(ParseRun({"--memory"}).error().Text(), HasSubstr("--memory needs a value: --memory SIZE"));
  EXPECT_EQ(ParseRun({"--dry-run=3x", "--", "x"}).has_value(), false);
  EXPECT_THAT(Parse(*FindCommand("runs show"), {"a", "b"}).error().Text(), HasSubstr("'b' is one word more"));
  EXPECT_TRUE(Parse(*FindCommand("runs show"), {"--help"}).has_value());
}

TEST(Parser, AWordForMakeIsNotNearlyOneOfOurs) {
  const auto words = [](const std::vector<std::string>& arguments) {
    const auto parsed = Parse(*FindCommand("build"), arguments);
    return parsed ? "fine" : parsed.error().TextWithHint();
  };
  EXPECT_THAT(words({"shwo", "last"}), HasSubstr("did you mean `kiln build show`?"));
  EXPECT_THAT(words({"ls"}), HasSubstr("`kiln build list`"));
  EXPECT_THAT(words({"-j2", "ls"}), HasSubstr("kiln build -- ls"));
  EXPECT_EQ(words({"--", "shwo"}), "fine");
  for (const std::string target : {"kernel/", "bzImage", "fs/ext4/inode.o", "W=1", "modules", "all"})
    EXPECT_EQ(words({target}), "fine");
}

TEST(Parser, AWordOfAGroupThatIsNotThereHasANeighbour) {
  const auto words = [](const std::vector<std::string>& arguments) {
    return FindIn(arguments).error().TextWithHint();
  };
  EXPECT_THAT(words({"template", "shwo", "x"}), AllOf(HasSubstr("no command 'kiln template shwo'"),
                                                      HasSubstr("did you mean `kiln template show`?")));
  EXPECT_THAT(words({"template", "zzzzzz"}), HasSubstr("one of: list, show, prune"));
  EXPECT_THAT(words({"template"}), HasSubstr("kiln template needs one word more"));
  EXPECT_THAT(words({"template", "--all"}), HasSubstr("kiln template needs one word more"));
}

Result<run::Request> Request(const std::vector<std::string>& arguments) {
  const auto parsed = ParseRun(arguments);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().Text();
  config::LoadRequest wanted{.current = "/w", .no_files = true};
  for (const config::Setting& setting : config::Schema()) {
    if (setting.flag.empty()) continue;
    for (const auto& value : parsed->All(setting.flag.substr(0, setting.flag.find(','))))
      wanted.flags.emplace_back(setting.key, value);
  }
  AddAliases(wanted, *parsed);
  const auto settings = config::Load(wanted);
  if (!settings) return settings.error();
  return MakeRequest(*settings, *parsed, "/w");
}

TEST(RunRequest, DefaultsAskForNothingSpecial) {
  const auto request = Request({"--", "true"});
  ASSERT_TRUE(request.has_value()) << request.error().Text();
  EXPECT_EQ(request->kernel, "");
  EXPECT_EQ(request->root, "host");
  EXPECT_EQ(request->net, "none");
  EXPECT_EQ(request->cpus, 0U);
  EXPECT_TRUE(request->pin);
  EXPECT_EQ(request->memory_bytes, uint64_t{1} << 30);
  EXPECT_FALSE(request->timeout.has_value());
  EXPECT_TRUE(request->keep_bundle);
  EXPECT_THAT(request->command, ElementsAre("true"));
  EXPECT_EQ(request->directory_base, "/w");
}

TEST(RunRequest, EveryFlagArrives) {
  const auto request = Request({"-k",
                                "./linux",
                                "-p",
                                "3",
                                "-m",
                                "512",
                                "--rw",
                                "out",
                                "--share",
                                "d:/mnt:rw",
                                "-D",
                                "x.img,ro,format=qcow2",
                                "--net",
                                "open",
                                "--forward",
                                "8080:80",
                                "-a",
                                "quiet nokaslr",
                                "--module",
                                "loop",
                                "--timeout",
                                "5m",
                                "--boot-timeout",
                                "90",
                                "--hang-timeout",
                                "2m",
                                "--user",
                                "root",
                                "--env",
                                "CC",
                                "--env",
                                "A=b=c",
                                "--cwd",
                                "sub",
                                "--qemu-arg",
                                "-s",
                                "--link",
                                "serial",
                                "--accel",
                                "tcg",
                                "--pin",
                                "never",
                                "-v",
                                "--no-keep",
                                "make",
                                "check"});
  ASSERT_TRUE(request.has_value()) << request.error().Text();
  EXPECT_EQ(request->kernel, "/w/linux");
  EXPECT_EQ(request->cpus, 3U);
  EXPECT_FALSE(request->pin);
  EXPECT_EQ(request->memory_bytes, uint64_t{512} << 20);
  EXPECT_THAT(request->writable, ElementsAre("/w/out"));
  EXPECT_THAT(request->shares, ElementsAre("/w/d:/mnt:rw"));
  ASSERT_EQ(request->disks.size(), 1U);
  EXPECT_EQ(request->disks[0].path, "/w/x.img");
  EXPECT_TRUE(request->disks[0].read_only);
  EXPECT_EQ(request->disks[0].format, "qcow2");
  EXPECT_EQ(request->net, "user");
  EXPECT_TRUE(request->net_open);
  EXPECT_THAT(request->forwards, ElementsAre("8080:80"));
  EXPECT_THAT(request->append, ElementsAre("quiet nokaslr"));
  EXPECT_THAT(request->modules, ElementsAre("loop"));
  EXPECT_EQ(request->timeout, std::chrono::minutes(5));
  EXPECT_EQ(request->boot_timeout, std::chrono::seconds(90));
  EXPECT_EQ(request->hang_timeout, std::chrono::minutes(2));
  EXPECT_EQ(request->user, "root");
  EXPECT_THAT(request->environment_pass, ElementsAre("CC"));
  EXPECT_THAT(request->environment_set, ElementsAre(std::pair<std::string, std::string>("A", "b=c")));
  EXPECT_EQ(request->directory, "/w/sub");
  EXPECT_THAT(request->qemu_arguments, ElementsAre("-s"));
  EXPECT_EQ(request->link, "serial");
  EXPECT_EQ(request->accelerator, "tcg");
  EXPECT_TRUE(request->verbose);
  EXPECT_FALSE(request->keep_bundle);
  EXPECT_THAT(request->command, ElementsAre("make", "check"));
}

TEST(RunRequest, NamesThatVirtmeUsersHaveInTheirFingers) {
  const auto request = Request({"-r", "./k", "--rwdir", "a", "--rodir", "b", "-o", "-device  x",
                                "--disable-kvm", "--force-9p", "-e", "echo $HOME"});
  ASSERT_TRUE(request.has_value()) << request.error().Text();
  EXPECT_EQ(request->kernel, "/w/k");
  EXPECT_THAT(request->writable, ElementsAre("/w/a"));
  EXPECT_THAT(request->shares, ElementsAre("/w/b:ro"));
  EXPECT_THAT(request->qemu_arguments, ElementsAre("-device", "x"));
  EXPECT_EQ(request->accelerator, "tcg");
  EXPECT_THAT(request->command, ElementsAre("sh", "-c", "echo $HOME"));
}

TEST(RunRequest, ContradictionsAreTold) {
  EXPECT_EQ(Request({"-e", "x", "y"}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(Request({"--forward", "1:2"}).error().hint(), HasSubstr("--net user"));
  EXPECT_EQ(Request({"--cpus", "none"}).error().code(), ErrorCode::kInvalidArgument);
}

class MainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = sys::TempDir::Create("/tmp", "kiln-cli");
    ASSERT_TRUE(made.has_value());
    dir_.emplace(*std::move(made));
  }
  struct Said {
    int code;
    std::string out;
    std::string err;
  };
  Said Say(std::vector<std::string> arguments, config::Environment extra = {}) {
    const std::string out = dir_->path() + "/out";
    const std::string err = dir_->path() + "/err";
    const auto out_fd = sys::Open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const auto err_fd = sys::Open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    extra["HOME"] = dir_->path();
    const int code = Main({.arguments = std::move(arguments),
                           .environment = std::move(extra),
                           .user = {.uid = ::geteuid(), .home = dir_->path(), .temporary = dir_->path()},
                           .current = dir_->path(),
                           .clock = clock_,
                           .output = out_fd->get(),
                           .errors = err_fd->get()});
    return {code, *sys::ReadFile(out), *sys::ReadFile(err)};
  }
  FakeClock clock_;
  std::optional<sys::TempDir> dir_;
};

TEST_F(MainTest, ErrorsGoToStderrAndUsageIsTwo) {
  const auto said = Say({"nonsense"});
  EXPECT_EQ(said.code, 2);
  EXPECT_EQ(said.out, "");
  EXPECT_THAT(said.err, HasSubstr("kiln: there is no command 'nonsense'"));
}

TEST_F(MainTest, JsonErrorsAreDataOnStdout) {
  const auto said = Say({"config", "nope", "--json"});
  EXPECT_EQ(said.code, 2);
  const auto json = nlohmann::json::parse(said.out);
  EXPECT_EQ(json["error"]["code"], "invalid-argument");
}

TEST_F(MainTest, AMisspeltOptionBesideJsonIsDataToo) {
  for (const auto& words : std::vector<std::vector<std::string>>{{"build", "--bogus", "--json"},
                                                                 {"build", "--json", "--jobs"},
                                                                 {"runs", "show", "--json", "a", "b"}}) {
    const auto said = Say(words);
    EXPECT_EQ(said.code, 2);
    EXPECT_EQ(nlohmann::json::parse(said.out)["error"]["code"], "invalid-argument") << said.out;
  }
  const auto run = Say({"run", "--bogus", "--json", "--", "true"});
  EXPECT_EQ(run.code, 2);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr(R"("verdict":"infra")"));
}

TEST_F(MainTest, AFolderThatIsNotUtf8IsStillData) {
  const auto said = Say({"runs", "--json"}, {{"XDG_STATE_HOME", dir_->path() + "/\xff"}});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(nlohmann::json::parse(said.out)["folder"], dir_->path() + "/\xef\xbf\xbd/kiln/runs");
}

TEST_F(MainTest, TheJsonOfSomebodyElseIsNotOurs) {
  EXPECT_EQ(Say({"build", "--bogus", "--", "--json"}).out, "");
  EXPECT_EQ(Say({"container", "exec", "--json"}).out, "");
}

TEST_F(MainTest, NothingIsWrittenByLooking) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{}, {"--version"}, {"help"}, {"runs"}, {"config"}, {"man"}})
    EXPECT_EQ(Say(words).code, 0);
  EXPECT_THAT(*sys::ListDirectory(dir_->path()), ElementsAre("err", "out"));
}

TEST_F(MainTest, EveryHiddenAliasIsUnderstoodAndNotShown) {
  const auto help = Say({"run", "--help"});
  EXPECT_EQ(help.out.find("--rodir"), std::string::npos);
  EXPECT_EQ(help.out.find("--qemu-opts"), std::string::npos);
}

Terminal Plain(const sys::Fd& fd) { return Terminal(fd.get(), fd.get(), {}); }

TEST(Text, WrapKeepsWidthAndIndentedLines) {
  EXPECT_EQ(Wrap("aa bb cc", 5), "aa bb\ncc\n");
  EXPECT_EQ(Wrap("aa bb cc", 5, 2), "aa bb\n  cc\n");
  EXPECT_EQ(Wrap("    a very long line that stays\nx", 5), "    a very long line that stays\nx\n");
  EXPECT_EQ(Wrap("toolongword b", 4), "toolongword\nb\n");
  EXPECT_EQ(Wrap("", 4), "");
  EXPECT_EQ(Columns("é…x"), 3U);
}

TEST(Text, TablesAlignByCharacters) {
  const auto fd = *sys::Open("/dev/null", O_WRONLY);
  const auto terminal = Plain(fd);
  EXPECT_EQ(Table(terminal, {{{"é"}, {"b"}}, {{"long"}, {"c"}}}), "é     b\nlong  c\n");
  EXPECT_EQ(Table(terminal, {{{"a"}, {""}}}), "a\n");
  EXPECT_EQ(Table(terminal, {{{"a\nb"}, {"c\td"}}}), "a\\nb  c\\td\n");
}

TEST(Outcome, AFailedCommandHasSaidWhyAFaultHasNot) {
  const auto fd = *sys::Open("/dev/null", O_WRONLY);
  const auto terminal = Plain(fd);
  run::Outcome outcome{.verdict = store::Verdict::kPass};
  EXPECT_EQ(OutcomeText(outcome, terminal), "");
  outcome = {.verdict = store::Verdict::kFail,
             .exit_code = 3,
             .cause = "the command ended with exit code 3",
             .command_code = 3};
  EXPECT_EQ(OutcomeText(outcome, terminal), "");
  outcome.cause = "the command could not be started in the guest: x";
  EXPECT_EQ(OutcomeText(outcome, terminal), "kiln: the command could not be started in the guest: x\n");
  outcome = {.verdict = store::Verdict::kCrash, .cause = "panic \x1b[31m", .run_id = "ID", .bundle = "/b"};
  EXPECT_EQ(OutcomeText(outcome, terminal),
            "kiln: crash: panic \\x1b[31m\n  kept: /b  (kiln runs show ID)\n");
  const auto json = nlohmann::json::parse(OutcomeJson(outcome));
  EXPECT_EQ(json["verdict"], "crash");
  EXPECT_EQ(json["schema"], 1);
}

TEST(Outcome, TimingNamesWhatWasReached) {
  using std::chrono::milliseconds;
  run::Outcome outcome{
      .timings = {.planned = milliseconds(10), .agent = milliseconds(2010), .end = milliseconds(2100)}};
  const std::string text = TimingText(outcome);
  EXPECT_THAT(text, HasSubstr("plan"));
  EXPECT_THAT(text, HasSubstr("2.00 s    95 %"));
  EXPECT_THAT(text, HasSubstr("in all"));
  EXPECT_EQ(text.find("initramfs"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("booted"));
  outcome.cloned = true;
  EXPECT_THAT(TimingText(outcome), HasSubstr("cloned from a template"));
  outcome = {.timings = {.planned = milliseconds(10), .end = milliseconds(11)}};
  EXPECT_THAT(TimingText(outcome), HasSubstr("no machine was started"));
  outcome.timings.qemu_started = milliseconds(10);
  EXPECT_THAT(TimingText(outcome), HasSubstr("did not boot"));
  EXPECT_EQ(TimingText({}), "");
}

TEST(Repeat, OneOfTheManyIsAskedTheSameButForTheRepeating) {
  const auto parsed =
      ParseRun({"--repeat", "5", "--jobs=2", "--until-fail", "--json", "--result", "r", "--append", "--json",
                "--append", "a b", "-p2", "--cold", "--", "sh", "--repeat", "3"});
  ASSERT_TRUE(parsed.has_value()) << parsed.error().Text();
  const auto arguments = ArgumentsOfOne(*parsed);
  const auto again = ParseRun(arguments);
  ASSERT_TRUE(again.has_value()) << again.error().Text();
  EXPECT_THAT(again->All("--append"), ElementsAre("--json", "a b"));
  EXPECT_EQ(again->Last("--cpus"), "2");
  EXPECT_TRUE(again->Has("--cold"));
  for (const char* gone : {"--repeat", "--jobs", "--until-fail", "--json", "--result"})
    EXPECT_FALSE(again->Has(gone)) << gone;
  EXPECT_THAT(again->operands, ElementsAre("sh", "--repeat", "3"));
}

TEST(Repeat, WhatTwoMachinesCanNotShareIsOneAtATime) {
  std::string note;
  run::Request request{.command = {"x"}};
  EXPECT_FALSE(MakeRepeatPlan(*ParseRun({"--repeat", "5"}), request, note)->jobs.has_value());
  EXPECT_FALSE(MakeRepeatPlan(*ParseRun({"--repeat", "0"}), request, note).has_value());
  EXPECT_FALSE(MakeRepeatPlan(*ParseRun({"--repeat", "5", "--jobs", "x"}), request, note).has_value());
  EXPECT_EQ(note, "");
  request.forwards = {"8080:80"};
  EXPECT_EQ(MakeRepeatPlan(*ParseRun({"--repeat", "5"}), request, note)->jobs, 1U);
  EXPECT_THAT(note, HasSubstr("--forward"));
  EXPECT_FALSE(MakeRepeatPlan(*ParseRun({"--repeat", "5", "--jobs", "2"}), request, note).has_value());
  request.command.clear();
  EXPECT_FALSE(MakeRepeatPlan(*ParseRun({"--repeat", "5"}), request, note).has_value());
}

TEST(Completion, CoversEveryCommandAndShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = CompletionScript(shell);
    ASSERT_TRUE(script.has_value());
    for (const CommandSpec& command : Commands()) {
      if (command.hidden || command.name.find(' ') != std::string_view::npos) continue;
      EXPECT_THAT(*script, HasSubstr(std::string(command.name))) << shell;
    }
  }
  EXPECT_FALSE(CompletionScript("csh").has_value());
}

TEST(Manual, NoLineBeginsAMacroByAccident) {
  const std::string page = ManualPage("1");
  for (const auto line : SplitLines(page)) {
    if (!line.starts_with('.')) continue;
    const auto macro = line.substr(1, line.find(' ') - 1);
    EXPECT_TRUE(std::string_view(" TH SH SS TP PP B BR I RS RE nf fi ").find(fmt::format(" {} ", macro)) !=
                std::string_view::npos)
        << line;
  }
}

}  // namespace
}  // namespace kiln::cli
