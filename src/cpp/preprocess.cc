#include "cpp/preprocess.h"

#include <string.h>

#include "cpp/bytes.h"
#include "cpp/preprocessor.h"

namespace kiln::cpp {
namespace {

struct Word {
  const char* text;
  uint8_t meaning;
};

constexpr Word kDirectives[] = {
    {"define", kDefine},
    {"undef", kUndef},
    {"include", kInclude},
    {"include_next", kIncludeNext},
    {"if", kIf},
    {"ifdef", kIfdef},
    {"ifndef", kIfndef},
    {"elif", kElif},
    {"else", kElse},
    {"endif", kEndif},
    {"pragma", kPragma},
    {"elifdef", kElifOfName},
    {"elifndef", kElifOfName},
};

constexpr Word kBuiltins[] = {
    {"__FILE__", kFile},
    {"__BASE_FILE__", kBaseFile},
    {"__LINE__", kLine},
    {"__COUNTER__", kCounter},
    {"__INCLUDE_LEVEL__", kIncludeLevel},
    {"__DATE__", kForbidden},
    {"__TIME__", kForbidden},
    {"__TIMESTAMP__", kForbidden},
    {"__FILE_NAME__", kForbidden},
    {"__has_attribute", kAnswered},
    {"__has_cpp_attribute", kAnswered},
    {"__has_c_attribute", kAnswered},
    {"__has_builtin", kAnswered},
    {"__has_feature", kAnswered},
    {"__has_extension", kAnswered},
    {"__has_include", kHasInclude},
    {"__has_include_next", kHasIncludeNext},
    {"defined", kDefined},
    {"__VA_ARGS__", kVaArgs},
    {"__VA_OPT__", kVaOpt},
};

constexpr Word kStatements[] = {{"_Pragma", kIsPragma},        {"if", kTakesParenthesis},
                                {"for", kTakesParenthesis},    {"while", kTakesParenthesis},
                                {"switch", kTakesParenthesis}, {"else", kIsElse}};

// What one file with all that it includes comes to at most; only what is used takes memory.
constexpr size_t kTexts = size_t{512} << 20;
constexpr size_t kNames = size_t{4} << 20;  // As of a text of that many bytes.
constexpr size_t kTokens = size_t{4} << 20;
constexpr size_t kMany = size_t{1} << 20;
constexpr size_t kDeep = 4096;
constexpr size_t kFiles = 8192;

constexpr uint32_t kMostEmptyLines = 8;

bool IsOfWord(const Token& token) { return token.kind == Kind::kName || token.kind == Kind::kNumber; }

}  // namespace

bool Preprocessor::Prepare() {
  const bool has_room = nodes_.Reserve(kNames) && texts_.Reserve(kTexts) && definitions_.Reserve(kTokens) &&
                        macros_.Reserve(kMany) && parameters_.Reserve(kMany) && sources_.Reserve(kFiles) &&
                        places_.Reserve(kNames) && open_.Reserve(kDeep) && conditions_.Reserve(kDeep) &&
                        contexts_.Reserve(kMany) && spare_.Reserve(kTokens) && building_.Reserve(kTokens) &&
                        collecting_.Reserve(kTokens) && arguments_.Reserve(kMany) &&
                        done_.text.Reserve(kTexts) && done_.files.Reserve(kFiles);
  if (!has_room) return false;
  for (const Word& word : kDirectives)
    NodeOf(word.text, static_cast<uint32_t>(strlen(word.text)))->directive = word.meaning;
  for (const Word& word : kBuiltins)
    NodeOf(word.text, static_cast<uint32_t>(strlen(word.text)))->builtin = word.meaning;
  for (const Word& word : kStatements)
    NodeOf(word.text, static_cast<uint32_t>(strlen(word.text)))->statement = word.meaning;
  if (!DefineText(asked_.predefined, asked_.predefined_size)) return false;
  for (size_t i = 0; i < asked_.definition_count; ++i)
    if (!DefineWord(asked_.definitions[i])) return false;
  return true;
}

void Preprocessor::Write(const char* text, size_t size) {
  char* at = done_.text.AddRoom(size);
  if (at == nullptr) return Fail();
  CopyBytes(at, text, size);
}

// # LINE "FILE" FLAGS
void Preprocessor::WriteMarker(uint32_t line, const Source* source) {
  const Decimal number(line);
  Write("# ", 2);
  Write(number.text(), number.size());
  Write(" \"", 2);
  for (const char* at = source->path; *at != '\0'; ++at) {
    if (*at == '\n') Fail();
    if (*at == '"' || *at == '\\') Write("\\", 1);
    Write(at, 1);
  }
  Write("\"", 1);
  if (source->is_system) Write(" 3", 2);
  Write("\n", 1);
}

void Preprocessor::MoveTo(uint32_t line, uint32_t column, bool begins) {
  const Source* source = file().source;
  if (source == out_source_ && line >= out_line_ && line - out_line_ <= kMostEmptyLines) {
    if (line == out_line_ && begins && out_in_line_) Write(" ", 1);
    for (; out_line_ < line; ++out_line_) {
      Write("\n", 1);
      out_in_line_ = false;
    }
  } else {
    if (out_in_line_) Write("\n", 1);
    out_in_line_ = false;
    WriteMarker(line, source);
    out_source_ = source;
    out_line_ = line;
  }
  if (out_in_line_ || column == 0 || !begins) return;
  char* blanks = done_.text.AddRoom(column);
  if (blanks == nullptr) return Fail();
  memset(blanks, ' ', column);
}

// _Pragma("…") is a line of its own (C11 6.10.9).
void Preprocessor::WritePragma() {
  Token token{};
  GetNext(token);
  if (!token.Is('(')) return Fail();
  GetNext(token);
  if (token.kind != Kind::kQuoted || token.text[0] != '"') return Fail();
  const Token text = token;
  GetNext(token);
  if (!token.Is(')')) return Fail();
  // gcc says that it is on the line that it reads.
  if (out_in_line_) {
    Write("\n", 1);
    out_in_line_ = false;
    ++out_line_;
  }
  MoveTo(file().line, 0, false);
  Write("#pragma ", 8);
  constexpr const char* kChange[] = {"push_macro", "pop_macro", "poison", "system_header",
                                     "dependency", "warning",   "error",  "once"};
  bool in_string = false;
  for (uint32_t i = 1; i + 1 < text.size; ++i) {
    if (text.text[i] == '\\') ++i;
    // Quotes are read again there; gcc tells of one without an end.
    if (text.text[i] == '"') in_string = !in_string;
    if (text.text[i] == '\'' || text.text[i] == '\\') Fail();
    Write(text.text + i, 1);
    for (const char* word : kChange) {
      const size_t size = strlen(word);
      if (i + size < text.size && memcmp(text.text + i, word, size) == 0 && text.text[i - 1] != 'W' &&
          text.text[i - 1] != '-')
        Fail();
    }
  }
  if (in_string) Fail();
  Write("\n", 1);
  out_in_line_ = false;
  out_source_ = nullptr;
}

void Preprocessor::WriteToken(const Token& token, bool blank) {
  const bool is_of_file = contexts_.empty();
  const bool begins = is_of_file && (token.flags & kLineBegins) != 0;
  const uint32_t line = is_of_file ? token.line : invocation_line_;
  if (out_source_ != file().source || line > out_line_ || begins) {
    MoveTo(line > out_line_ || out_source_ != file().source || begins ? line : out_line_, token.column,
           begins);
    blank = blank && out_in_line_;
  }
  if (blank) Write(" ", 1);
  Write(token.text, token.size);
  out_in_line_ = true;
}

bool Preprocessor::WriteAll() {
  guard_ = &top_guard_;
  bool pads = false;
  bool after_word = false;
  for (;;) {
    if (contexts_.empty()) spare_.Shrink(0);
    Token token;
    Get(token);
    if (failed_) return false;
    if (token.kind == Kind::kEnd) break;
    if (token.kind == Kind::kPadding) {
      pads = true;
      continue;
    }
    top_guard_.See(token);
    if (token.kind == Kind::kName && token.node->statement == kIsPragma) {
      WritePragma();
      after_word = pads = false;
      continue;
    }
    const bool blank = pads || (token.flags & kWhiteBefore) != 0 || (after_word && IsOfWord(token));
    WriteToken(token, blank);
    after_word = IsOfWord(token);
    pads = false;
  }
  Write("\n", 1);
  return !failed_ && conditions_.empty() && open_.size() == 1 && !nodes_.full();
}

/// The next file of -include, which come before the file itself and are looked for beside where gcc runs.
/// True when there is none left, too.
bool Preprocessor::EnterNextInclude() {
  if (open_.size() != 1 || next_include_ == asked_.include_count) return true;
  const char* name = asked_.includes[next_include_++];
  const size_t length = strlen(name);
  int folder = -1;
  Source* source = Read(name, length, false);
  if (source == nullptr) source = FindInFolders(name, length, 0, &folder);
  if (source == nullptr || !Enter(source, folder)) return Fail(), false;
  // One that was not entered, for its guard.
  return open_.size() > 1 || EnterNextInclude();
}

bool Preprocessor::Run() {
  if (!Prepare()) return false;
  const size_t size = strlen(asked_.file);
  Source* main = Read(asked_.file, size, false);
  if (main == nullptr || !Enter(main, -1)) return false;
  WriteMarker(0, main);
  if (!EnterNextInclude()) return false;
  return WriteAll();
}

bool Preprocess(const Asked& asked, Preprocessed& done) { return Preprocessor(asked, done).Run(); }

}  // namespace kiln::cpp
