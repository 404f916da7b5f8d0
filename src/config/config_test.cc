#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/strings.h"
#include "config/document.h"
#include "config/settings.h"
#include "sys/files.h"
#include "sys/process.h"

namespace kiln::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PathContext Work() {
  return {.folder = "/w", .home = "/home/u", .exists = [](const std::string&) { return false; }};
}

File Parse(std::string_view text) { return ParseFile(text, "/w/kiln.toml", Work()); }

Layered With(std::vector<File> files, Environment environment = {},
             std::vector<std::pair<std::string, std::string>> flags = {},
             std::vector<std::string> profiles = {}) {
  return Layer({.files = std::move(files),
                .environment = std::move(environment),
                .flags = std::move(flags),
                .profiles = std::move(profiles),
                .current = Work()});
}

std::string OnlyMistake(const File& file) {
  if (file.mistakes.size() != 1) return fmt::format("{} mistakes", file.mistakes.size());
  const Mistake& mistake = file.mistakes[0];
  return mistake.hint.empty() ? mistake.Text() : mistake.Text() + " | " + mistake.hint;
}

TEST(Schema, EveryRowIsWhole) {
  std::set<std::string> keys;
  std::set<std::string> names;
  for (const Setting& setting : Schema()) {
    EXPECT_TRUE(keys.emplace(setting.key).second) << setting.key;
    EXPECT_TRUE(names.insert(setting.EnvironmentName()).second) << setting.key;
    EXPECT_FALSE(setting.doc.empty()) << setting.key;
    EXPECT_FALSE(setting.doc.ends_with('.')) << setting.key;
    EXPECT_NE(setting.default_value.empty(), setting.unset_means.empty()) << setting.key;
    EXPECT_EQ(FindSetting(setting.key), &setting);
    for (const auto flag : Split(setting.flag, ','))
      EXPECT_TRUE(flag.empty() || flag.starts_with('-')) << setting.key;
  }
  EXPECT_EQ(FindSetting("cpu"), nullptr);
}

TEST(Schema, ExamplesAreRight) {
  for (const Setting& setting : Schema()) {
    const File file = Parse(fmt::format("{} = {}\n", setting.key, setting.example));
    EXPECT_TRUE(file.mistakes.empty()) << setting.key << ": " << OnlyMistake(file);
    ASSERT_EQ(file.assignments.size(), 1U) << setting.key;
  }
}

TEST(File, PathsAreRelativeToTheFile) {
  const auto settings = With({Parse("kernel = '../linux'\nroot = 'host'\nrw = ['build', '/abs/x', '~/y']\n"
                                    "share = ['data:/mnt:rw', 'plain']\ndisk = 'a.img,ro'\n")})
                            .settings;
  EXPECT_EQ(settings.Text("kernel"), "/linux");
  EXPECT_EQ(settings.Text("root"), "host");
  EXPECT_THAT(settings.List("rw"), ElementsAre("/w/build", "/abs/x", "/home/u/y"));
  EXPECT_THAT(settings.List("share"), ElementsAre("/w/data:/mnt:rw", "/w/plain"));
  EXPECT_THAT(settings.List("disk"), ElementsAre("/w/a.img,ro"));
}

TEST(File, AWordIsAPathWhenItIsThere) {
  auto context = Work();
  context.exists = [](const std::string& path) { return path == "/w/linux" || path == "/w/host"; };
  const auto file = ParseFile("kernel = 'linux'\nroot = 'host'\nqemu = 'qemu-x'\n", "/w/kiln.toml", context);
  const auto settings = With({file}).settings;
  EXPECT_EQ(settings.Text("kernel"), "/w/linux");
  EXPECT_EQ(settings.Text("root"), "host") << "a word of the setting stays a word";
  EXPECT_EQ(settings.Text("qemu"), "qemu-x");
}

TEST(File, MistakesSayWhereAndWhatIsNear) {
  EXPECT_EQ(OnlyMistake(Parse("# x\n\ncpu = 2\n")),
            "/w/kiln.toml:3:1: unknown key 'cpu' | did you mean 'cpus'?");
  EXPECT_EQ(OnlyMistake(Parse("cpus = 0\n")),
            "/w/kiln.toml:1:8: cpus: '0' is not a whole number from 1 to 1024");
  EXPECT_EQ(OnlyMistake(Parse("accel = 'tcgg'\n")),
            "/w/kiln.toml:1:9: accel: 'tcgg' is not one of auto, kvm, tcg | did you mean 'tcg'?");
  EXPECT_EQ(OnlyMistake(Parse("cpus = true\n")),
            "/w/kiln.toml:1:8: 'cpus' wants a whole number from 1 to 1024 | for example cpus = 2");
  EXPECT_EQ(OnlyMistake(Parse("[cache]\nlimits = '1G'\n")),
            "/w/kiln.toml:2:1: unknown key 'cache.limits' | did you mean 'cache.limit'?");
  EXPECT_EQ(OnlyMistake(Parse("[profile.debug]\nmemroy = '1G'\n")),
            "/w/kiln.toml:2:1: unknown key 'memroy' | did you mean 'memory'?");
  EXPECT_EQ(OnlyMistake(Parse("memory = ['1G']\n")),
            "/w/kiln.toml:1:10: 'memory' takes one value, not a list");
  EXPECT_THAT(OnlyMistake(Parse("profile = 3\n")), HasSubstr("write [profile.debug]"));
  EXPECT_THAT(OnlyMistake(Parse("cpus = \n")), HasSubstr("/w/kiln.toml:1:"));
  EXPECT_EQ(OnlyMistake(Parse("zzzzzzzz = 1\n")),
            "/w/kiln.toml:1:1: unknown key 'zzzzzzzz' | `kiln help settings` lists every key");
}

TEST(File, AllMistakesAreFoundAndTheRestIsRead) {
  const File file = Parse("memroy = 1\ncpus = 2\n[profile.a]\nacel = 'x'\n");
  ASSERT_EQ(file.mistakes.size(), 2U);
  EXPECT_EQ(file.mistakes[0].line, 1);
  EXPECT_EQ(file.mistakes[1].line, 4);
  ASSERT_EQ(file.assignments.size(), 1U);
  EXPECT_EQ(file.assignments[0].setting->key, "cpus");
}

TEST(File, HostileShapesAreMistakes) {
  std::string dots = "a";
  for (int i = 0; i < 20000; ++i) dots += ".a";
  EXPECT_THAT(OnlyMistake(Parse(dots + " = 1\n")), HasSubstr("too deeply"));
  EXPECT_THAT(OnlyMistake(Parse("[" + dots + "]\n")), HasSubstr("too deeply"));
  EXPECT_EQ(Parse("rw = " + std::string(30000, '[')).mistakes.size(), 1U);
  EXPECT_THAT(OnlyMistake(Parse(std::string(kMaxFileBytes + 1, '#'))), HasSubstr("larger than"));
  EXPECT_TRUE(
      Parse("append = '" + std::string(1000, '.') + "' # " + std::string(100, '.') + "\n").mistakes.empty());
  EXPECT_TRUE(Parse("append = \"\"\"\na.b\"" + std::string(100, '.') + "\"\"\"\n").mistakes.empty());
  EXPECT_EQ(Parse("user = \"a\\u0000b\"\n").mistakes.size(), 1U);
  const Mistake escape = Parse("\"\\u001b[31m\" = 1\n").mistakes.at(0);
  EXPECT_EQ(escape.Text().find('\x1b'), std::string::npos);
}

TEST(Values, NumbersAndUnits) {
  const auto settings =
      With({Parse("memory = 512\ntimeout = 1.5\ncache.limit = '20G'\nuser = 1000\n")}).settings;
  EXPECT_EQ(settings.Size("memory"), uint64_t{512} << 20);
  EXPECT_EQ(settings.Time("timeout"), std::chrono::milliseconds(1500));
  EXPECT_EQ(settings.Size("cache.limit"), uint64_t{20} << 30);
  EXPECT_EQ(settings.Text("user"), "1000");
  EXPECT_THAT(OnlyMistake(Parse("cache.limit = 20\n")), HasSubstr("with its unit"));
  EXPECT_THAT(OnlyMistake(Parse("memory = '4M'\n")), HasSubstr("from 32.0 MiB"));
  EXPECT_THAT(OnlyMistake(Parse("timeout = 'soon'\n")), HasSubstr("90s, 5m or 2h"));
}

TEST(Values, SharesDisksAndVariablesAreChecked) {
  for (const char* bad : {"share = 'a:b'", "share = ':/x'", "share = 'a:/b:/c'", "share = ''", "disk = ',ro'",
                          "disk = 'a,rw'", "env = '1A'", "env = 'A*=1'", "env = '=x'", "rw = ''"})
    EXPECT_EQ(Parse(bad).mistakes.size(), 1U) << bad;
  for (const char* good : {"share = 'a:ro'", "disk = 'a,format=qcow2,ro'", "env = ['LC_*', 'A=', 'B=x=y']"})
    EXPECT_TRUE(Parse(good).mistakes.empty()) << good;
}

TEST(Layer, LaterWinsAndListsAddUp) {
  const File user = ParseFile("cpus = 1\nappend = ['a']\nmemory = '1G'\n", "/home/u/config.toml", Work());
  const File project = Parse("cpus = 2\nappend = ['b']\n[profile.debug]\ncpus = 3\nappend = ['c']\n");
  const auto layered =
      With({user, project}, {{"KILN_CPUS", "4"}, {"KILN_APPEND", "d e"}}, {{"append", "f"}}, {"debug"});
  ASSERT_TRUE(layered.mistakes.empty());
  const Settings& settings = layered.settings;
  EXPECT_EQ(settings.Integer("cpus"), 4);
  EXPECT_EQ(settings.Get("cpus").items[0].origin.Text(), "KILN_CPUS");
  EXPECT_THAT(settings.List("append"), ElementsAre("a", "b", "c", "d e", "f"));
  EXPECT_EQ(settings.Get("append").Text(), "a b c d e f");
  EXPECT_EQ(settings.Get("append").items[2].origin.Text(), "/w/kiln.toml:5 (profile debug)");
  EXPECT_EQ(settings.Get("append").items[4].origin.Text(), "--append");
  EXPECT_EQ(settings.Get("memory").items[0].origin.Text(), "/home/u/config.toml:3");
  EXPECT_EQ(settings.Get("accel").items[0].origin.Text(), "default");
  EXPECT_FALSE(settings.Text("kernel").has_value());
  EXPECT_THAT(settings.profiles, ElementsAre("debug"));
}

TEST(Layer, AnEmptyListForgets) {
  const File user = ParseFile("rw = ['x']\nappend = ['a']\n", "/home/u/config.toml", Work());
  const auto settings = With({user, Parse("rw = []\n")}, {{"KILN_APPEND", ""}}).settings;
  EXPECT_TRUE(settings.List("rw").empty());
  EXPECT_TRUE(settings.List("append").empty());
}

TEST(Layer, ProfilesStackInOrder) {
  const File file = Parse("[profile.a]\ncpus = 1\nmemory = '1G'\n[profile.b]\ncpus = 2\n");
  EXPECT_EQ(With({file}, {}, {}, {"a", "b"}).settings.Integer("cpus"), 2);
  EXPECT_EQ(With({file}, {}, {}, {"b", "a"}).settings.Integer("cpus"), 1);
  EXPECT_EQ(With({file}, {{"KILN_PROFILE", "a, b"}}).settings.Integer("cpus"), 2);
  const auto wrong = With({file}, {}, {}, {"debgu"});
  ASSERT_EQ(wrong.mistakes.size(), 1U);
  EXPECT_EQ(wrong.mistakes[0].Text(), "--profile: there is no profile 'debgu'");
  EXPECT_EQ(wrong.mistakes[0].hint, "there are: a, b");
}

TEST(Layer, VariablesAndFlagsAreChecked) {
  const auto layered = With({}, {{"KILN_CPUS", "many"}, {"KILN_RW", "a;b"}, {"KILN_QEMU_ARGS", "-device  x"}},
                            {{"memory", "huge"}});
  ASSERT_EQ(layered.mistakes.size(), 2U);
  EXPECT_EQ(layered.mistakes[0].Text(), "KILN_CPUS: 'many' is not a whole number from 1 to 1024");
  EXPECT_THAT(layered.mistakes[1].Text(), HasSubstr("--memory: 'huge' is not a size"));
  EXPECT_THAT(layered.settings.List("rw"), ElementsAre("/w/a", "/w/b"));
  EXPECT_THAT(layered.settings.List("qemu_args"), ElementsAre("-device", "x"));
  const Error error = MistakesError(layered.mistakes);
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
}

class LoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = sys::TempDir::Create("/tmp", "kiln-config");
    ASSERT_TRUE(made.has_value());
    dir_.emplace(*std::move(made));
    home_ = dir_->path() + "/home";
    work_ = dir_->path() + "/work/deep/er";
    ASSERT_TRUE(sys::MakeDirectories(home_ + "/.config/kiln").has_value());
    ASSERT_TRUE(sys::MakeDirectories(work_).has_value());
  }
  LoadRequest Request() {
    return {.current = work_, .environment = {{"HOME", home_}}, .user = {.uid = ::geteuid(), .home = home_}};
  }
  void Write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(sys::WriteFileAtomic(path, text).has_value());
  }
  std::optional<sys::TempDir> dir_;
  std::string home_;
  std::string work_;
};

TEST_F(LoadTest, FindsTheFilesAndMovesWithTheWorkspace) {
  Write(home_ + "/.config/kiln/config.toml", "memory = '3G'\n");
  Write(dir_->path() + "/work/kiln.toml", "kernel = './linux'\n");
  const auto settings = Load(Request());
  ASSERT_TRUE(settings.has_value()) << settings.error().Text();
  EXPECT_EQ(settings->Text("kernel"), dir_->path() + "/work/linux");
  EXPECT_EQ(settings->Size("memory"), uint64_t{3} << 30);
  EXPECT_THAT(settings->files,
              ElementsAre(home_ + "/.config/kiln/config.toml", dir_->path() + "/work/kiln.toml"));
  auto none = Request();
  none.no_files = true;
  EXPECT_TRUE(Load(none)->files.empty());
}

TEST_F(LoadTest, ANamedFileReplacesTheSearch) {
  Write(dir_->path() + "/work/kiln.toml", "cpus = 2\n");
  Write(dir_->path() + "/other.toml", "cpus = 3\n");
  auto request = Request();
  request.file = "../../../other.toml";
  EXPECT_EQ(Load(request)->Integer("cpus"), 3);
  request = Request();
  request.environment["KILN_CONFIG"] = dir_->path() + "/other.toml";
  EXPECT_EQ(Load(request)->Integer("cpus"), 3);
  request.file = "missing.toml";
  const auto missing = Load(request);
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().Text(), HasSubstr("missing.toml"));
}

TEST_F(LoadTest, AFileThatIsNotOursIsRefused) {
  const std::string path = dir_->path() + "/work/kiln.toml";
  Write(path, "cpus = 2\n");
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  auto refused = Load(Request());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::kPermission);
  EXPECT_THAT(refused.error().hint(), HasSubstr("--config"));
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  auto request = Request();
  request.user.uid = 12345;  // Whoever that is, the file is not theirs (unless root owns it).
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(path.c_str(), 23456, 23456), 0);
  }
  refused = Load(request);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().Text(), HasSubstr("belongs to another user"));
  request.file = path;
  EXPECT_TRUE(Load(request).has_value());
}

TEST_F(LoadTest, MistakesBecomeOneError) {
  Write(work_ + "/kiln.toml", "cpu = 2\nmem = 1\n");
  const auto settings = Load(Request());
  ASSERT_FALSE(settings.has_value());
  EXPECT_EQ(settings.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(settings.error().Text(), HasSubstr("kiln.toml:1:1: unknown key 'cpu' (did you mean 'cpus'?)"));
}

TEST(Document, TheStarterFileIsAllCommentAndRightWhenUncommented) {
  const std::string starter = StarterFile();
  const File commented = Parse(starter);
  EXPECT_TRUE(commented.assignments.empty());
  EXPECT_TRUE(commented.mistakes.empty());
  std::string uncommented;
  for (const std::string_view line : SplitLines(starter)) {
    std::string_view rest = line;
    const bool setting =
        ConsumePrefix(rest, "# ") && (rest.starts_with('[') || rest.find(" = ") != std::string_view::npos);
    uncommented += std::string(setting ? rest : "") + "\n";
  }
  const File file = Parse(uncommented);
  EXPECT_TRUE(file.mistakes.empty()) << OnlyMistake(file);
  EXPECT_EQ(file.assignments.size(), Schema().size() + 2);
}

TEST(Document, TheSettingsPageIsUpToDate) {
  const std::string path = std::string(KILN_SOURCE_DIR) + "/docs/settings.md";
  if (sys::GetEnvironment("KILN_UPDATE_GOLDEN")) {
    ASSERT_TRUE(sys::WriteFileAtomic(path, SettingsPage()).has_value());
  }
  const auto page = sys::ReadFile(path);
  ASSERT_TRUE(page.has_value()) << page.error().Text();
  EXPECT_EQ(*page, SettingsPage()) << "write it again with KILN_UPDATE_GOLDEN=1";
}

TEST(Paths, FollowTheXdgSpecification) {
  const User user{.uid = 7, .home = "/home/db"};
  auto paths = ResolvePaths({{"HOME", "/home/u"}}, user);
  EXPECT_EQ(paths.config, "/home/u/.config/kiln");
  EXPECT_EQ(paths.state, "/home/u/.local/state/kiln");
  EXPECT_EQ(paths.cache, "/home/u/.cache/kiln");
  EXPECT_EQ(paths.runtime, "/tmp/kiln-7/run");
  EXPECT_TRUE(paths.runtime_is_fallback);
  paths = ResolvePaths(
      {{"XDG_CACHE_HOME", "/c"}, {"XDG_STATE_HOME", "relative"}, {"XDG_RUNTIME_DIR", "/run/user/7"}}, user);
  EXPECT_EQ(paths.cache, "/c/kiln");
  EXPECT_EQ(paths.state, "/home/db/.local/state/kiln");
  EXPECT_EQ(paths.runtime, "/run/user/7/kiln");
  paths = ResolvePaths({}, {.uid = 7});
  EXPECT_EQ(paths.state, "/tmp/kiln-7/state");
  EXPECT_EQ(paths.cache, "/tmp/kiln-7/cache");
}

TEST_F(LoadTest, PrivateFoldersAreCheckedForTraps) {
  const uint32_t uid = ::geteuid();
  const std::string path = dir_->path() + "/kiln-x";
  EXPECT_TRUE(PrivateFolder(path, uid).has_value());
  EXPECT_TRUE(PrivateFolder(path, uid).has_value());
  ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
  EXPECT_FALSE(PrivateFolder(path, uid).has_value());
  EXPECT_FALSE(PrivateFolder(path, uid + 1).has_value());
  const std::string link = dir_->path() + "/link";
  ASSERT_EQ(::symlink(home_.c_str(), link.c_str()), 0);
  const auto refused = PrivateFolder(link, uid);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().Text(), HasSubstr("is not a folder"));
}

TEST_F(LoadTest, FoldersThatCannotBeMadeFallBack) {
  const User user{.uid = ::geteuid(), .home = home_, .temporary = dir_->path()};
  // A file in the way stops root too.
  Write(dir_->path() + "/blocked", "");
  const Environment environment{{"XDG_RUNTIME_DIR", dir_->path() + "/blocked"},
                                {"XDG_CACHE_HOME", dir_->path() + "/blocked"}};
  const Paths paths = ResolvePaths(environment, user);
  const auto runtime = EnsureRuntime(paths, user);
  ASSERT_TRUE(runtime.has_value()) << runtime.error().Text();
  EXPECT_EQ(*runtime, paths.fallback + "/run");
  const auto cache = EnsureWritable(paths.cache, "cache", paths, user);
  ASSERT_TRUE(cache.has_value()) << cache.error().Text();
  EXPECT_EQ(cache->path, paths.fallback + "/cache");
  EXPECT_THAT(cache->why, HasSubstr("blocked"));
  const auto state = EnsureWritable(paths.state, "state", paths, user);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->path, paths.state);
  EXPECT_TRUE(state->why.empty());
}

}  // namespace
}  // namespace kiln::config
