#include <string.h>

#include "cpp/letters.h"
#include "cpp/preprocessor.h"

namespace kiln::cpp {
namespace {

bool EndsSplice(const char* at) { return at[0] == '\\' && at[1] == '\n'; }

// gcc takes blanks between the two for a mistake, and splices.
bool EndsAskew(const char* at) {
  if (at[0] != '\\' || !IsBlank(at[1])) return false;
  for (++at; IsBlank(*at);) ++at;
  return *at == '\n';
}

// Whether a token could go on behind the splice at whose "\\" this is.
bool GoesOn(const char* at, bool is_word) {
  const char next = at[2];
  if (IsBlank(next) || next == '\n' || next == '\0') return false;
  return next == '\\' || (is_word ? IsOfName(next) || strchr(".+-\"'", next) != nullptr
                                  : !IsOfName(next) && strchr("\"'()[]{},;~", next) == nullptr);
}

// How long the punctuator is; 0 for digraphs.
uint32_t PunctuatorSize(const char* at) {
  const char c = at[0];
  const char d = at[1];
  switch (c) {
    case '.':
      return d == '.' && at[2] == '.' ? 3 : 1;
    case '<':
      if (d == ':' || d == '%') return 0;
      if (d == '<') return at[2] == '=' ? 3 : 2;
      return d == '=' ? 2 : 1;
    case '>':
      if (d == '>') return at[2] == '=' ? 3 : 2;
      return d == '=' ? 2 : 1;
    case '%':
      if (d == ':' || d == '>') return 0;
      return d == '=' ? 2 : 1;
    case ':':
      return d == '>' ? 0 : 1;
    case '-':
      return d == '>' || d == '-' || d == '=' ? 2 : 1;
    case '+':
    case '&':
    case '|':
      return d == c || d == '=' ? 2 : 1;
    case '#':
      return d == '#' ? 2 : 1;
    case '=':
    case '!':
    case '*':
    case '/':
    case '^':
      return d == '=' ? 2 : 1;
    default:
      return 1;
  }
}

}  // namespace

void Preprocessor::End(Token& token) const {
  token = Token{};
  token.kind = Kind::kEnd;
}

// A comment, behind its "/*". False when it has no end, or gcc warns of it.
bool Preprocessor::SkipComment() {
  Open& f = file();
  for (;; ++f.at) {
    if (*f.at == '*' && f.at[1] == '/') {
      f.at += 2;
      return true;
    }
    // The two that end a comment, or begin one, can be on lines that are spliced.
    if ((*f.at == '*' || *f.at == '/') && EndsSplice(f.at + 1) &&
        (f.at[3] == '\\' || f.at[3] == (*f.at == '*' ? '/' : '*')))
      return false;
    if (*f.at == '/' && f.at[1] == '*' && f.at[2] != '/') return false;
    if (*f.at == '\n') {
      ++f.line;
      f.line_start = f.at + 1;
    }
    if (*f.at == '\0') return false;
  }
}

/// Blanks, comments and spliced ends of lines. False at what stops the reading.
bool Preprocessor::SkipWhite(Token& token) {
  Open& f = file();
  for (;;) {
    if (IsBlank(*f.at)) {
      ++f.at;
    } else if (*f.at == '/' && f.at[1] == '*') {
      f.at += 2;
      if (!SkipComment()) return false;
    } else if (*f.at == '/' && f.at[1] == '/') {
      while (*f.at != '\n' && *f.at != '\0') {
        if (EndsSplice(f.at) || EndsAskew(f.at)) return false;
        ++f.at;
      }
    } else if (EndsSplice(f.at)) {
      f.at += 2;
      ++f.line;
      f.line_start = f.at;
      continue;  // No blank by itself.
    } else if (*f.at == '\\' && IsBlank(f.at[1])) {
      return false;
    } else {
      return true;
    }
    token.flags |= kWhiteBefore;
  }
}

// Within a group that is skipped: to the "\n". gcc reads tokens there too, and tells of a quote without end.
void Preprocessor::SkipToLineEnd() {
  Open& f = file();
  char quote = '\0';
  for (;; ++f.at) {
    const char c = *f.at;
    if (c == '\n' || c == '\0') {
      if (quote != '\0' || c == '\0') Fail();
      return;
    }
    if (c == '\\') {
      if (EndsAskew(f.at)) return Fail();
      if (f.at[1] == '\n') {
        ++f.line;
        f.line_start = f.at + 2;
        ++f.at;
      } else if (quote != '\0') {
        if (EndsSplice(f.at + 1)) return Fail();
        if (f.at[1] != '\0') ++f.at;
      }
    } else if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '/') {
      if (EndsSplice(f.at + 1)) return Fail();
      if (f.at[1] != '*' && f.at[1] != '/') continue;
      Token token{};
      if (!SkipWhite(token)) return Fail();
      --f.at;
    }
  }
}

void Preprocessor::LexName(Token& token) {
  Open& f = file();
  const char* begin = f.at;
  while (IsOfName(*f.at)) {
    if ((*f.at & 0x80) != 0) return Fail();
    ++f.at;
  }
  const auto size = static_cast<uint32_t>(f.at - begin);
  if (EndsSplice(f.at) && GoesOn(f.at, true)) return Fail();
  if (*f.at == '"' || *f.at == '\'') {
    const bool is_raw = begin[size - 1] == 'R' && size <= 3 && *f.at == '"';
    if (is_raw) return Fail();
    const bool is_prefix = (size == 1 && (*begin == 'L' || *begin == 'u' || *begin == 'U')) ||
                           (size == 2 && begin[0] == 'u' && begin[1] == '8');
    if (is_prefix) return LexQuoted(token, begin);
  }
  token.kind = Kind::kName;
  token.text = begin;
  token.size = size;
  token.node = NodeOf(begin, size);
}

void Preprocessor::LexNumber(Token& token) {
  Open& f = file();
  const char* begin = f.at;
  for (++f.at; IsOfName(*f.at) || *f.at == '.' ||
               ((*f.at == '+' || *f.at == '-') && strchr("eEpP", f.at[-1]) != nullptr);)
    ++f.at;
  if (EndsSplice(f.at) && GoesOn(f.at, true)) return Fail();
  token.kind = Kind::kNumber;
  token.text = begin;
  token.size = static_cast<uint32_t>(f.at - begin);
}

void Preprocessor::LexQuoted(Token& token, const char* begin) {
  Open& f = file();
  const char quote = *f.at++;
  bool is_spliced = false;
  for (; *f.at != quote; ++f.at) {
    if (*f.at == '\n' || *f.at == '\0') return Fail();
    if (*f.at != '\\') continue;
    ++f.at;
    if (*f.at == '\0') return Fail();
    if (*f.at != '\n') continue;
    is_spliced = true;
    ++f.line;
    f.line_start = f.at + 1;
  }
  ++f.at;
  token.kind = Kind::kQuoted;
  token.text = begin;
  token.size = static_cast<uint32_t>(f.at - begin);
  if (!is_spliced) return;
  char* text = texts_.AddRoom(token.size);
  if (text == nullptr) return Fail();
  uint32_t size = 0;
  for (uint32_t i = 0; i < token.size; ++i) {
    if (begin[i] == '\\' && begin[i + 1] == '\n')
      ++i;
    else if (begin[i] == '\\')
      text[size++] = begin[i++], text[size++] = begin[i];
    else
      text[size++] = begin[i];
  }
  token.text = text;
  token.size = size;
}

void Preprocessor::LexPunctuator(Token& token) {
  Open& f = file();
  token.kind = Kind::kPunctuator;
  token.text = f.at;
  token.size = PunctuatorSize(f.at);
  if (token.size == 0 || (*f.at & 0x80) != 0) return Fail();
  // A universal character name, which is of a name.
  if (*f.at == '\\' && (f.at[1] == 'u' || f.at[1] == 'U')) return Fail();
  f.at += token.size;
  if (!EndsSplice(f.at) || strchr("()[]{},;~", *token.text) != nullptr) return;
  if (GoesOn(f.at, false) || (*token.text == '.' && IsDigit(f.at[2]))) Fail();
}

// One token of the file; kEnd at its end, and at that of a directive's line.
void Preprocessor::LexLine(Token& token) {
  const Open& f = file();
  if (!SkipWhite(token)) return Fail();
  token.line = f.line;
  token.column = static_cast<uint32_t>(f.at - f.line_start);
  const char c = *f.at;
  if (c == '\n' || c == '\0') {
    token.kind = Kind::kEnd;
    if (c == '\0' && f.at != f.source->bytes + f.source->size) Fail();
  } else if (BeginsName(c)) {
    LexName(token);
  } else if (IsDigit(c) || (c == '.' && IsDigit(f.at[1]))) {
    LexNumber(token);
  } else if (c == '"' || c == '\'') {
    LexQuoted(token, f.at);
  } else {
    LexPunctuator(token);
  }
}

// Where the "(" of a macro is looked for, a directive ends that before it is done.
bool Preprocessor::IsDirective(const Token& token) const {
  return (token.flags & kLineBegins) != 0 && token.Is('#') && !in_directive_ && in_arguments_ != 1;
}

// The next token of the files, behind all directives; kEnd at the end of a directive's line, of everything,
// and of a file in which the arguments of a macro are looked for.
void Preprocessor::Lex(Token& token) {
  if (has_ahead_) {
    has_ahead_ = false;
    token = looked_ahead_;
    if (!IsDirective(token)) return;
    RunDirective(token);
  }
  for (token = Token{};;) {
    if (failed_) return End(token);
    Open& f = file();
    if (f.is_fresh) token.flags |= kLineBegins;
    f.is_fresh = false;
    LexLine(token);
    if (failed_) return End(token);
    if (token.kind == Kind::kEnd) {
      if (in_directive_) return;
      if (*f.at == '\n') {
        ++f.at;
        ++f.line;
        f.line_start = f.at;
        token = Token{};
        token.flags = kLineBegins;
        if (in_arguments_ == 2) token.flags |= kWhiteBefore;
        continue;
      }
      if (in_arguments_ == 2) return Fail(), End(token);
      if (in_arguments_ == 1 || !Leave()) return End(token);
      token = Token{};
      token.flags = kLineBegins;
      continue;
    }
    if (IsDirective(token)) {
      RunDirective(token);
      token = Token{};
      continue;
    }
    if (!in_directive_) {
      f.has_text = f.has_text || f.guard == nullptr;
      if (f.guard_is_closed) f.may_have_guard = false;
    }
    return;
  }
}

/// The one token that a text is. False when it is more or fewer.
bool Preprocessor::LexAll(const char* text, uint32_t size, Token& token) {
  Source source{};
  source.bytes = text;
  source.size = size;
  Open open{};
  open.source = &source;
  open.at = open.line_start = text;
  if (!open_.Add(open)) return false;
  token = Token{};
  LexLine(token);
  const bool is_all = !failed_ && token.kind != Kind::kEnd && file().at == text + size;
  open_.RemoveLast();
  return is_all;
}

}  // namespace kiln::cpp
