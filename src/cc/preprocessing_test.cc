#include "cc/preprocessing.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace kiln::cc {
namespace {

using Words = std::vector<const char*>;

constexpr const char* kNeeded[] = {"-nostdinc", "-Wno-trigraphs"};

// With what no call is taken without, and a file.
Words Whole(const Words& more) {
  Words words = {"gcc", kNeeded[0], kNeeded[1]};
  words.insert(words.end(), more.begin(), more.end());
  words.push_back("a.c");
  return words;
}

bool Reads(const Words& words, Preprocessing& into) {
  return ReadPreprocessing(static_cast<int>(words.size()), words.data(), into);
}

bool IsTaken(const Words& more) {
  Preprocessing preprocessing;
  return Reads(Whole(more), preprocessing);
}

std::vector<std::string> Texts(const cpp::Stretch<const char*>& of) { return {of.begin(), of.end()}; }

TEST(PreprocessingTest, AsKbuildCallsTheCompiler) {
  const Words words = Whole({"-Wp,-MMD,d/.a.o.d",
                             "-I",
                             "x",
                             "-Iy",
                             "-isystem",
                             "sys",
                             "-I",
                             "z",
                             "-include",
                             "k.h",
                             "-D__KERNEL__",
                             "-DA=\"b\"",
                             "-UB",
                             "-fmacro-prefix-map=./=",
                             "-Wall",
                             "-Wundef",
                             "-std=gnu11",
                             "-O2",
                             "--param",
                             "a=b",
                             "-c",
                             "-o",
                             "-DNOT",
                             "-include",
                             "l.h"});
  Preprocessing p;
  ASSERT_TRUE(Reads(words, p));
  std::vector<std::string> folders;
  for (const cpp::Folder& folder : p.folders)
    folders.push_back(folder.path + std::string(folder.is_system ? " system" : ""));
  EXPECT_EQ(folders, (std::vector<std::string>{"x", "y", "z", "sys system"}));
  EXPECT_EQ(Texts(p.definitions), (std::vector<std::string>{"D__KERNEL__", "DA=\"b\"", "UB"}));
  EXPECT_EQ(Texts(p.includes), (std::vector<std::string>{"k.h", "l.h"}));
  EXPECT_EQ(Texts(p.prefix_maps), (std::vector<std::string>{"./="}));
  EXPECT_TRUE(p.warns_undefined);
  EXPECT_STREQ(p.dependencies, "d/.a.o.d");
}

TEST(PreprocessingTest, NotWhereGccWouldDoOrSayMore) {
  EXPECT_TRUE(IsTaken({}));
  Preprocessing p;
  EXPECT_FALSE(Reads({"gcc", kNeeded[0], "a.c"}, p));
  Preprocessing q;
  EXPECT_FALSE(Reads({"gcc", kNeeded[1], "a.c"}, q));
  for (const char* option : {"-Wextra",
                             "-pedantic",
                             "-Wunused-macros",
                             "-Wtraditional",
                             "-trigraphs",
                             "-std=c11",
                             "-std=gnu2x",
                             "-std=gnu23",
                             "-ansi",
                             "-undef",
                             "-I-",
                             "-finput-charset=x",
                             "-iquote",
                             "-idirafter",
                             "-imacros",
                             "--sysroot=x",
                             "-M",
                             "-MMD",
                             "-Wp,-DA",
                             "-isystemx",
                             "-D",
                             "-U",
                             "-W",
                             "-H",
                             "-Ix/",
                             "-I",
                             "-isystem",
                             "-include",
                             "-Wp,-MMD,a,b"})
    EXPECT_FALSE(IsTaken({option})) << option;
  EXPECT_FALSE(IsTaken({"-D", "A"}));
  EXPECT_FALSE(IsTaken({"-Ix", "-isystem", "x"}));
  EXPECT_FALSE(IsTaken({"-isystem", "x/"}));
  for (const char* option :
       {"-Wall", "-Werror", "-Wno-unused", "-std=gnu89", "-std=gnu17", "-fno-common", "-m64"})
    EXPECT_TRUE(IsTaken({option})) << option;
}

class DependenciesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/cc-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::string folder_;
};

TEST_F(DependenciesTest, AreAsGccWritesThem) {
  std::string text;
  cpp::Stretch<cpp::Folder> files;
  ASSERT_TRUE(files.Reserve(100));
  std::vector<std::string> paths = {folder_ + "/some.file.c"};
  for (const int size : {1, 40, 70, 3, 100, 20, 20, 20, 20, 18, 19}) {
    paths.push_back(folder_ + "/" +
                    std::string(static_cast<size_t>(size), static_cast<char>('a' + paths.size())) + ".h");
    std::ofstream(paths.back()) << "\n";
    text += "#include \"" + std::filesystem::path(paths.back()).filename().string() + "\"\n";
  }
  std::ofstream(paths[0]) << text;
  for (const auto& path : paths) ASSERT_TRUE(files.Add({path.c_str(), false}));
  ASSERT_TRUE(files.Add({"/usr/include/stdio.h", true}));
  const pid_t child = fork();
  if (child == 0) {
    const std::string option = "-Wp,-MMD," + folder_ + "/gcc.d";
    execlp("gcc", "gcc", option.c_str(), "-nostdinc", "-E", "-o", "/dev/null", paths[0].c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) GTEST_SKIP() << "there is no gcc";
  ASSERT_TRUE(WriteDependencies((folder_ + "/here.d").c_str(), files));
  // "-o /dev/null" is what gcc names the object by, then.
  const std::string gcc = Read(folder_ + "/gcc.d");
  EXPECT_EQ(Read(folder_ + "/here.d"), gcc);
}

TEST_F(DependenciesTest, NotWhereAPathWouldBeQuotedOrNothingCanBeWritten) {
  for (const char* path : {"a b.c", "a$.c", "a#.c", "a:b.c", "a\\b.c", "a%.c"}) {
    cpp::Stretch<cpp::Folder> files;
    ASSERT_TRUE(files.Reserve(1) && files.Add({path, false}));
    EXPECT_FALSE(WriteDependencies((folder_ + "/d").c_str(), files)) << path;
  }
  cpp::Stretch<cpp::Folder> files;
  ASSERT_TRUE(files.Reserve(1) && files.Add({"a.c", false}));
  EXPECT_FALSE(WriteDependencies((folder_ + "/no/d").c_str(), files));
  EXPECT_TRUE(WriteDependencies((folder_ + "/d").c_str(), files));
  EXPECT_EQ(Read(folder_ + "/d"), "a.o: a.c\n");
}

}  // namespace
}  // namespace kiln::cc
