#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/preprocess.h"
#include "run_gcc.h"

namespace kiln::cpp {

/// What is to be preprocessed, and with what.
struct Snippet {
  std::string text;
  std::vector<std::string> definitions = {};  ///< "DA=1".
  std::vector<std::string> includes = {};
  std::vector<std::string> prefix_maps = {};
};

/// A token, the file and the line that it is on.
struct Written {
  std::string text;
  std::string file;
  long line;
  bool operator==(const Written&) const = default;
  friend void PrintTo(const Written& token, std::ostream* out) {
    *out << token.text << " (" << token.file << ":" << token.line << ")";
  }
};

/// Preprocesses snippets here and by gcc, in a folder with the headers that a test puts there: "inc" is
/// searched first, "sys" is of -isystem.
class BesideGcc : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::canonical(testing::TempDir()).string() + "/cpp-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    for (const char* name : {"inc", "sys"}) std::filesystem::create_directory(folder_ + "/" + name);
    Write("empty.c", "");
    if (Gcc({"-nostdinc", "-dM", "-E", folder_ + "/empty.c"}) != 0) GTEST_SKIP() << "there is no gcc";
    predefined_ = Read("out");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Its code; what it writes is in "out", what it says in "said".
  int Gcc(std::vector<std::string> arguments) const {
    return RunGcc(std::move(arguments), [this] {
      return freopen((folder_ + "/out").c_str(), "w", stdout) != nullptr &&
             freopen((folder_ + "/said").c_str(), "w", stderr) != nullptr;
    });
  }

  // What the options of a snippet are for gcc.
  std::vector<std::string> Options(const Snippet& snippet) const {
    std::vector<std::string> options = {"-std=gnu11", "-Wall",          "-Wundef",  "-nostdinc",
                                        "-I",         folder_ + "/inc", "-isystem", folder_ + "/sys"};
    for (const auto& definition : snippet.definitions) options.push_back("-" + definition);
    for (const auto& file : snippet.includes) options.insert(options.end(), {"-include", file});
    for (const auto& map : snippet.prefix_maps) options.push_back("-fmacro-prefix-map=" + map);
    return options;
  }

  /// False when it is not done here.
  bool Here(const Snippet& snippet, std::string& text) {
    Write("a.c", snippet.text);
    const std::string file = folder_ + "/a.c";
    const std::string inc = folder_ + "/inc";
    const std::string sys = folder_ + "/sys";
    const std::array<Folder, 2> folders = {{{inc.c_str(), false}, {sys.c_str(), true}}};
    const auto texts = [](const std::vector<std::string>& of) {
      std::vector<const char*> into;
      for (const auto& one : of) into.push_back(one.c_str());
      return into;
    };
    const auto definitions = texts(snippet.definitions);
    const auto includes = texts(snippet.includes);
    const auto maps = texts(snippet.prefix_maps);
    Asked asked{};
    asked.file = file.c_str();
    asked.folders = folders.data();
    asked.folder_count = folders.size();
    asked.definitions = definitions.data();
    asked.definition_count = definitions.size();
    asked.includes = includes.data();
    asked.include_count = includes.size();
    asked.prefix_maps = maps.data();
    asked.prefix_map_count = maps.size();
    asked.predefined = predefined_.data();
    asked.predefined_size = predefined_.size();
    asked.warns_undefined = true;
    asked.answer = [](void* context, const char* question) {
      return static_cast<BesideGcc*>(context)->Answer(question);
    };
    asked.context = this;
    Preprocessed done;
    if (!Preprocess(asked, done)) return false;
    text.assign(done.text.begin(), done.text.size());
    return true;
  }

  int Answer(const std::string& question) const {
    Write("question.c", "#if " + question + "\nyes\n#else\nno\n#endif\n");
    if (Gcc({"-E", "-P", folder_ + "/question.c"}) != 0) return -1;
    return Read("out").find("yes") != std::string::npos ? 1 : 0;
  }

  /// It is done here as gcc does it, which says nothing.
  void Same(const Snippet& snippet) {
    SCOPED_TRACE(snippet.text);
    std::string here;
    const bool is_done = Here(snippet, here);
    auto words = Options(snippet);
    words.insert(words.end(), {"-E", folder_ + "/a.c"});
    EXPECT_EQ(Gcc(words), 0);
    EXPECT_EQ(Read("said"), "");
    ASSERT_TRUE(is_done);
    EXPECT_EQ(Tokens(here), Tokens(Read("out")));
  }
  void Same(const std::string& text) { Same(Snippet{text}); }
  void Same(const char* text) { Same(Snippet{text}); }

  /// It is left to gcc, which has something with that word to say.
  void Refused(const Snippet& snippet, const std::string& word) {
    SCOPED_TRACE(snippet.text);
    std::string here;
    EXPECT_FALSE(Here(snippet, here)) << here;
    auto words = Options(snippet);
    words.insert(words.end(), {"-fsyntax-only", folder_ + "/a.c"});
    Gcc(words);
    EXPECT_NE(Read("said").find(word), std::string::npos) << Read("said");
  }
  void Refused(const std::string& text, const std::string& word) { Refused(Snippet{text}, word); }

  /// It is left to gcc, as it is rare.
  void Left(const std::string& text) {
    SCOPED_TRACE(text);
    std::string here;
    EXPECT_FALSE(Here(Snippet{text}, here)) << here;
  }

  static std::vector<Written> Tokens(const std::string& text) {
    std::vector<Written> tokens;
    std::string file;
    long line = 0;
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find('\n', at);
      if (end == std::string::npos) end = text.size();
      const std::string_view words(text.data() + at, end - at);
      at = end + 1;
      if (words.starts_with("# ")) {
        line = std::strtol(words.data() + 2, nullptr, 10);
        const size_t begin = words.find('"') + 1;
        file = words.substr(begin, words.find('"', begin) - begin);
        continue;
      }
      if (words.starts_with("#pragma")) {
        tokens.push_back({Unspaced(words), file, line++});
        continue;
      }
      AddTokens(words, {"", file, line++}, tokens);
    }
    return tokens;
  }

  std::string folder_;
  std::string predefined_;

 private:
  static bool IsOfWord(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
  }
  static std::string Unspaced(std::string_view words) {
    std::string text;
    for (const char c : words)
      if (c != ' ' && c != '\t') text += c;
    return text;
  }
  static size_t SizeOfToken(std::string_view words) {
    constexpr std::array<std::string_view, 23> kPunctuators = {
        "<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
        "&&",  "||",  "##",  "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="};
    size_t size = 0;
    const bool is_number =
        std::isdigit(static_cast<unsigned char>(words[0])) != 0 ||
        (words[0] == '.' && words.size() > 1 && std::isdigit(static_cast<unsigned char>(words[1])) != 0);
    if (is_number) {
      for (size = 1; size < words.size(); ++size) {
        const bool is_sign = (words[size] == '+' || words[size] == '-') &&
                             std::string_view("eEpP").find(words[size - 1]) != std::string_view::npos;
        if (!IsOfWord(words[size]) && words[size] != '.' && !is_sign) break;
      }
      return size;
    }
    while (size < words.size() && IsOfWord(words[size])) ++size;
    const std::string_view name = words.substr(0, size);
    const bool may_quote = name.empty() || name == "L" || name == "u" || name == "U" || name == "u8";
    if (may_quote && size < words.size() && (words[size] == '"' || words[size] == '\'')) {
      const char quote = words[size];
      for (++size; size < words.size() && words[size] != quote; ++size)
        if (words[size] == '\\') ++size;
      return size + 1;
    }
    if (size > 0) return size;
    for (const auto punctuator : kPunctuators)
      if (words.starts_with(punctuator)) return punctuator.size();
    return 1;
  }
  static void AddTokens(std::string_view words, const Written& place, std::vector<Written>& tokens) {
    for (size_t at = 0; at < words.size();) {
      if (words[at] == ' ' || words[at] == '\t') {
        ++at;
        continue;
      }
      const size_t size = std::min(SizeOfToken(words.substr(at)), words.size() - at);
      tokens.push_back({std::string(words.substr(at, size)), place.file, place.line});
      at += size;
    }
  }
};

}  // namespace kiln::cpp
