#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cpp/interned.h"
#include "cpp/preprocess.h"
#include "cpp/stretch.h"
#include "cpp/token.h"

namespace kiln::cpp {

enum Directive : uint8_t {
  kNoDirective,
  kDefine,
  kUndef,
  kInclude,
  kIncludeNext,
  kIf,
  kIfdef,
  kIfndef,
  kElif,
  kElse,
  kEndif,
  kPragma,
  kElifOfName,  // #elifdef, #elifndef: gcc knows them or not.
};

enum Builtin : uint8_t {
  kNoBuiltin,
  kFile,
  kBaseFile,
  kLine,
  kCounter,
  kIncludeLevel,
  kForbidden,  // __DATE__ …: gcc's business.
  kAnswered,   // __has_attribute …: what gcc says.
  kHasInclude,
  kHasIncludeNext,
  kDefined,
  kVaArgs,
  kVaOpt,
};

// What a word begins.
enum Statement : uint8_t { kNoStatement, kTakesParenthesis, kIsElse, kIsPragma };

/// A file that was read.
struct Source {
  const char* path;
  uint32_t path_size;
  const char* bytes;  ///< It ends in "\n\0".
  size_t size;
  bool is_system;
  bool is_once;  ///< #pragma once.
  bool was_read;
  Node* guard;  ///< All of it is within "#ifndef guard".
  int folder;   ///< Where it was found; -1 is beside or as named.
};

/// The work of Preprocess(), in the way of gcc's libcpp (its "cppinternals" manual): a stack of files below a
/// stack of lists of tokens; padding tells where blanks must or may stand.
class Preprocessor {
 public:
  Preprocessor(const Asked& asked, Preprocessed& done) : asked_(asked), done_(done) {}
  bool Run();

 private:
  // A file that is being read.
  struct Open {
    Source* source;
    const char* at;
    const char* line_start;
    uint32_t line;
    size_t conditions;  // How many are open when it begins.
    // Of the guard: what the first directive was, and that nothing stands outside.
    Node* guard;
    bool may_have_guard;
    bool guard_is_closed;
    bool has_text;  // Something before the first #ifndef.
    bool is_fresh;  // Nothing was read of it.
  };
  struct Condition {
    bool was_true;  // Some part of it was read.
    bool in_else;
    bool is_guard;
  };
  struct Context {
    const Token* at;
    const Token* end;
    Node* macro;    // Enabled again behind it.
    uint32_t line;  // Of the file, from where all of it comes; 0: where each token says.
  };
  struct Argument {
    const Token* first;  // nullptr: of "...", and not given at all.
    uint32_t count;
    const Token* expanded;
    uint32_t expanded_count;
    const Token* text;  // In quotes.
  };
  // Whether what comes next is the body of an if, else, for, while or switch.
  struct Guard {
    uint32_t depth;
    uint32_t opened[8];
    uint32_t open_count;
    bool was_keyword;
    bool body_is_next;
    void See(const Token& token);
  };
  struct Place {
    const char* text;
    uint32_t size;
    uint32_t hash;
    uint32_t source;  // One more than its index; UINT32_MAX: there is none.
  };
  struct Value {
    uint64_t number;
    bool is_unsigned;
  };

  // lex.cc
  void Lex(Token& token);
  void LexLine(Token& token);
  bool IsDirective(const Token& token) const;
  bool SkipWhite(Token& token);
  bool SkipComment();
  void SkipToLineEnd();
  void LexName(Token& token);
  void LexNumber(Token& token);
  void LexQuoted(Token& token, const char* begin);
  void LexPunctuator(Token& token);
  Node* NodeOf(const char* text, uint32_t size) { return &nodes_[nodes_.Of(text, size)]; }
  bool LexAll(const char* text, uint32_t size, Token& token);

  // expand.cc
  void Get(Token& token);
  void GetNext(Token& token);
  bool Enter(Node* node, const Token& name);
  bool EnterBuiltin(Node* node, const Token& name);
  const char* Quoted(const Source& source, uint32_t* size);
  void EnterNumber(uint32_t number, uint32_t line);
  void EnterText(Kind kind, const char* text, uint32_t size, uint32_t line);
  bool Collect(Macro* macro, Argument* arguments);
  bool FindParenthesis();
  void Replace(Macro* macro, Argument* arguments, uint32_t line);
  void PrepareArguments(const Macro& macro, Argument* arguments);
  void AddArgument(const Macro& macro, const Token* token, const Argument& argument, size_t base);
  Token* Taken(Stretch<Token>& from, size_t base, uint32_t* count);
  void Expand(Argument& argument);
  const Token* Stringified(const Argument& argument);
  void PasteAll(Token left);
  bool Paste(Token& left, const Token& right);
  void Push(const Token* tokens, uint32_t count, Node* macro, uint32_t line);
  void Pop();
  Token* Keep(const Token& token);

  // define.cc
  void Define();
  bool DefineParameters(Macro& macro);
  bool DefineTokens(Macro& macro);
  bool SameMacro(const Macro& one, const Macro& other) const;
  bool IsSeveralStatements(const Macro& macro) const;
  void Undefine();
  bool DefineText(const char* text, size_t size);
  bool DefineWord(const char* word);

  // directive.cc
  void RunDirective(const Token& hash);
  void Conditional(uint8_t directive);
  void Skip();
  void Include(bool next);
  bool IncludeName(Token& name, bool* angled);
  void EndLine();
  void Pragma(const Token& hash);
  bool Enter(Source* source, int folder);
  bool Leave();
  bool EnterNextInclude();
  bool EnterNamed(const char* name, size_t size, bool angled, bool next);
  bool IsThere(bool next);

  // condition.cc
  bool Evaluate();
  static bool ChangesSign(const Value& one, const Value& other);
  Value Ternary(bool skipped);
  Value Binary(int level, bool skipped);
  Value Combined(const Token& by, int level, const Value& left, const Value& right);
  Value Calculated(const Token& by, int level, const Value& left, const Value& right, bool skips);
  Value Unary(bool skipped);
  Value Number(const Token& token);
  Value Character(const Token& token);
  Value NameValue(const Token& token, bool skipped);
  Value Answered(const Token& token);
  bool IsDefined(const Node* node);
  void Next() { GetNext(next_); }

  // files.cc
  Source* Read(const char* path, size_t size, bool is_system);
  Source* Find(const char* name, size_t size, bool angled, bool next, int* folder);
  Source* FindInFolders(const char* name, size_t size, int first, int* folder);
  char* Joined(const char* folder, size_t folder_size, const char* name, size_t name_size);

  // preprocess.cc
  bool Prepare();
  bool WriteAll();
  void WriteToken(const Token& token, bool blank);
  void WritePragma();
  void MoveTo(uint32_t line, uint32_t column, bool begins);
  void WriteMarker(uint32_t line, const Source* source);
  void Write(const char* text, size_t size);
  void Fail() { failed_ = true; }
  Open& file() { return open_.back(); }
  void End(Token& token) const;

  const Asked& asked_;
  Preprocessed& done_;
  bool failed_ = false;
  Interned<Node> nodes_;
  Stretch<char>& texts_ = done_.kept;
  Stretch<Token> definitions_;  // The macros'.
  Stretch<Macro> macros_;
  Stretch<Node*> parameters_;
  Stretch<Source> sources_;
  Interned<Place> places_;
  Stretch<Open> open_;
  Stretch<Condition> conditions_;
  Stretch<Context> contexts_;
  Stretch<Token> spare_;     // Of the expansion of one macro of a file.
  Stretch<Token> building_;  // A list that is being made, above others.
  Stretch<Argument> arguments_;
  Stretch<Token> collecting_;  // The same, of arguments.
  Token looked_ahead_{};
  bool has_ahead_ = false;
  bool in_directive_ = false;
  int prevents_expansion_ = 0;
  int in_arguments_ = 0;  // 1: looking for "(", 2: behind it.
  int expanding_arguments_ = 0;
  uint32_t invocation_line_ = 0;
  uint32_t counter_ = 0;
  size_t next_include_ = 0;
  Token next_{};  // Of a condition.
  Guard* guard_ = nullptr;
  Guard top_guard_{};

  const Source* out_source_ = nullptr;
  uint32_t out_line_ = 0;
  bool out_in_line_ = false;
};

}  // namespace kiln::cpp
