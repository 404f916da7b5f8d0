#include <string.h>

#include "cpp/letters.h"
#include "cpp/preprocessor.h"

namespace kiln::cpp {

// Nothing may follow on the line, or gcc speaks of it.
void Preprocessor::EndLine() {
  Token token{};
  Lex(token);
  if (token.kind != Kind::kEnd) Fail();
}

void Preprocessor::RunDirective(const Token& hash) {
  // As when it stands among the arguments of a macro.
  const int was_in = in_arguments_;
  const int prevented = prevents_expansion_;
  const uint32_t line = invocation_line_;
  Guard* guard = guard_;
  in_arguments_ = prevents_expansion_ = 0;
  guard_ = nullptr;
  in_directive_ = true;
  Token name{};
  Lex(name);
  const uint8_t directive = name.kind == Kind::kName ? name.node->directive : uint8_t{kNoDirective};
  Open& f = file();
  if (directive != kIfndef && f.guard == nullptr) f.has_text = true;
  if (f.guard_is_closed) f.may_have_guard = false;
  switch (directive) {
    case kDefine:
      Define();
      break;
    case kUndef:
      Undefine();
      break;
    case kInclude:
    case kIncludeNext:
      if (was_in != 0)
        Fail();
      else
        Include(directive == kIncludeNext);
      break;
    case kPragma:
      if (was_in != 0)
        Fail();
      else
        Pragma(hash);
      break;
    case kNoDirective:
      // "#" alone is one.
      if (name.kind != Kind::kEnd) Fail();
      break;
    case kElifOfName:
      Fail();
      break;
    default:
      Conditional(directive);
  }
  in_directive_ = false;
  in_arguments_ = was_in;
  prevents_expansion_ = prevented;
  invocation_line_ = line;
  guard_ = guard;
}

void Preprocessor::Conditional(uint8_t directive) {
  Open& f = file();
  const bool begins = directive == kIf || directive == kIfdef || directive == kIfndef;
  if (begins) {
    Condition condition{};
    bool is_true = false;
    if (directive == kIf) {
      is_true = Evaluate();
    } else {
      Token name{};
      Lex(name);
      if (name.kind != Kind::kName) return Fail();
      const bool is_defined = IsDefined(name.node);
      is_true = is_defined == (directive == kIfdef);
      EndLine();
      if (directive == kIfndef && !f.has_text && f.guard == nullptr) {
        f.guard = name.node;
        f.may_have_guard = condition.is_guard = true;
      }
    }
    condition.was_true = is_true;
    if (!conditions_.Add(condition)) Fail();
    if (!failed_ && !is_true) Skip();
    return;
  }
  if (conditions_.size() == f.conditions) return Fail();
  Condition& condition = conditions_.back();
  if (directive == kEndif) {
    EndLine();
    if (condition.is_guard) f.guard_is_closed = true;
    conditions_.RemoveLast();
    return;
  }
  if (condition.in_else) return Fail();
  if (condition.is_guard) f.may_have_guard = false;
  condition.in_else = directive == kElse;
  if (directive == kElse) {
    EndLine();
  } else {
    // Behind a group that was read its condition is not looked at.
    SkipToLineEnd();
  }
  if (!failed_) Skip();
}

// From the end of a line to the directive that ends what is not read.
void Preprocessor::Skip() {
  Open& f = file();
  size_t depth = 0;
  bool in_else[64] = {};
  in_directive_ = true;
  while (!failed_) {
    SkipToLineEnd();
    if (failed_) return;
    ++f.at;
    ++f.line;
    f.line_start = f.at;
    if (*f.at == '\0') return Fail();
    Token token{};
    // Most lines need no look.
    while (IsBlank(*f.at)) ++f.at;
    if (*f.at != '#' && *f.at != '/' && *f.at != '\\') continue;
    if (!SkipWhite(token)) return Fail();
    if (*f.at != '#' || f.at[1] == '#') continue;
    ++f.at;
    if (!SkipWhite(token)) return Fail();
    if (!BeginsName(*f.at)) continue;
    const char* begin = f.at;
    while (IsOfName(*f.at)) ++f.at;
    const uint8_t directive = NodeOf(begin, static_cast<uint32_t>(f.at - begin))->directive;
    if (directive == kIf || directive == kIfdef || directive == kIfndef) {
      if (++depth == sizeof in_else) return Fail();
      in_else[depth] = false;
    } else if (directive == kEndif && depth > 0) {
      --depth;
    } else if (directive == kEndif) {
      if (conditions_.back().is_guard) f.guard_is_closed = true;
      conditions_.RemoveLast();
      EndLine();
      return;
    } else if (directive == kElifOfName) {
      return Fail();
    } else if (depth > 0 && (directive == kElse || directive == kElif)) {
      // gcc tells of one behind #else there, too.
      if (in_else[depth]) return Fail();
      in_else[depth] = directive == kElse;
    } else if (directive == kElse || directive == kElif) {
      Condition& condition = conditions_.back();
      if (condition.in_else) return Fail();
      if (condition.is_guard) f.may_have_guard = false;
      condition.in_else = directive == kElse;
      if (directive == kElse) {
        EndLine();
        if (condition.was_true) continue;
        condition.was_true = true;
        return;
      }
      if (condition.was_true) continue;
      if (!Evaluate()) continue;
      condition.was_true = true;
      return;
    }
  }
}

// The name of an #include, without its quotes.
bool Preprocessor::IncludeName(Token& name, bool* angled) {
  Open& f = file();
  Token token{};
  if (!SkipWhite(token)) return false;
  if (*f.at == '<') {
    const char* begin = ++f.at;
    while (*f.at != '>' && *f.at != '\n' && *f.at != '\0') ++f.at;
    if (*f.at != '>') return false;
    name.text = begin;
    name.size = static_cast<uint32_t>(f.at++ - begin);
    *angled = true;
    return name.size > 0;
  }
  *angled = false;
  GetNext(name);
  if (name.Is('<')) {
    // What macros come to, as it is written.
    char* text = texts_.AddRoom(0);
    *angled = true;
    name.text = text;
    name.size = 0;
    for (Token part{};;) {
      GetNext(part);
      if (failed_ || part.kind == Kind::kEnd) return false;
      if (part.Is('>')) return name.size > 0;
      const bool blank = (part.flags & kWhiteBefore) != 0;
      char* at = texts_.AddRoom(part.size + (blank ? 1 : 0));
      // Another text may have been put there.
      if (at != text + name.size) return false;
      if (blank) *at++ = ' ';
      memcpy(at, part.text, part.size);
      name.size += part.size + (blank ? 1 : 0);
    }
  }
  if (name.kind != Kind::kQuoted || name.text[0] != '"' || name.size < 3) return false;
  if (memchr(name.text, '\\', name.size) != nullptr) return false;
  ++name.text;
  name.size -= 2;
  return true;
}

void Preprocessor::Include(bool next) {
  Token name{};
  bool angled = false;
  if (!IncludeName(name, &angled)) return Fail();
  Token rest{};
  GetNext(rest);
  if (rest.kind != Kind::kEnd) return Fail();
  if (!failed_ && !EnterNamed(name.text, name.size, angled, next)) Fail();
}

bool Preprocessor::EnterNamed(const char* name, size_t size, bool angled, bool next) {
  int folder = -1;
  Source* source = Find(name, size, angled, next, &folder);
  return source != nullptr && Enter(source, folder);
}

bool Preprocessor::IsThere(bool next) {
  Token token{};
  Lex(token);
  if (!token.Is('(')) return Fail(), false;
  Token name{};
  bool angled = false;
  if (!IncludeName(name, &angled)) return Fail(), false;
  Lex(token);
  if (!token.Is(')')) return Fail(), false;
  int folder = -1;
  return Find(name.text, name.size, angled, next, &folder) != nullptr;
}

// Written as it stands, where gcc would not expand anything in it.
void Preprocessor::Pragma(const Token& hash) {
  const Open& f = file();
  const char* begin = f.at;
  Token token{};
  bool is_first = true;
  for (;; is_first = false) {
    token = Token{};
    Lex(token);
    if (failed_ || token.kind == Kind::kEnd) break;
    if (token.kind == Kind::kName && (token.node->macro != nullptr || token.node->builtin != kNoBuiltin))
      return Fail();
    const auto is = [&](const char* word) {
      return token.size == strlen(word) && memcmp(token.text, word, token.size) == 0;
    };
    if (is_first && is("once")) {
      // gcc warns of it there.
      if (open_.size() == 1) Fail();
      f.source->is_once = true;
      return EndLine();
    }
    if (is("push_macro") || is("pop_macro") || is("poison") || is("system_header") || is("dependency") ||
        is("warning") || is("error") || is("include_alias"))
      return Fail();
  }
  if (failed_) return;
  for (const char* at = begin; at < f.at; ++at)
    if (*at == '\n' || (*at == '/' && (at[1] == '*' || at[1] == '/'))) return Fail();
  MoveTo(hash.line, 0, true);
  Write("#pragma", 7);
  Write(begin, static_cast<size_t>(f.at - begin));
  out_in_line_ = true;
}

bool Preprocessor::Enter(Source* source, int folder) {
  if (source->is_once && source->was_read) return true;
  if (source->guard != nullptr && source->guard->macro != nullptr) return true;
  if (!source->was_read && !done_.files.Add({source->path, source->is_system})) return false;
  source->was_read = true;
  if (open_.size() > 150) return false;
  Open open{};
  open.source = source;
  open.at = open.line_start = source->bytes;
  open.line = 1;
  open.is_fresh = true;
  open.conditions = conditions_.size();
  source->folder = folder;
  // Read again, it is at its first line again.
  if (source == out_source_) out_source_ = nullptr;
  return open_.Add(open);
}

// False when it was the last.
bool Preprocessor::Leave() {
  const Open& f = file();
  if (conditions_.size() != f.conditions) return Fail(), false;
  if (f.guard != nullptr && f.may_have_guard && f.guard_is_closed) f.source->guard = f.guard;
  if (open_.size() == 1) return false;
  const Source* left = f.source;
  open_.RemoveLast();
  if (left == file().source) out_source_ = nullptr;
  return EnterNextInclude();
}

}  // namespace kiln::cpp
