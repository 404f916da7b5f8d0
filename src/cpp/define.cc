#include <string.h>

#include "cpp/preprocessor.h"

namespace kiln::cpp {

// Behind the "(" of "#define NAME(". Names take their numbers in Node::parameter.
bool Preprocessor::DefineParameters(Macro& macro) {
  Token token;
  const size_t first = parameters_.size();
  macro.parameter_names = parameters_.end();
  for (bool wants_name = false;;) {
    Lex(token);
    if (token.Is(')') && !wants_name) break;
    const bool is_rest = token.IsEllipsis();
    Node* name = is_rest ? NodeOf("__VA_ARGS__", 11) : token.node;
    if (!is_rest &&
        (token.kind != Kind::kName || token.node->builtin == kVaArgs || token.node->builtin == kVaOpt))
      return false;
    if (name->parameter != 0 || !parameters_.Add(name)) return false;
    name->parameter = static_cast<uint16_t>(parameters_.size() - first);
    if (name->parameter > 1000) return false;
    macro.is_variadic = is_rest;
    Lex(token);
    if (!is_rest && token.IsEllipsis()) {
      macro.is_variadic = true;
      Lex(token);
    }
    if (token.Is(')')) break;
    if (!token.Is(',') || macro.is_variadic) return false;
    wants_name = true;
  }
  macro.parameters = static_cast<uint16_t>(parameters_.size() - first);
  return true;
}

bool Preprocessor::DefineTokens(Macro& macro) {
  macro.tokens = definitions_.end();
  const size_t first = definitions_.size();
  bool pasted = false;
  for (;;) {
    Token token{};
    Lex(token);
    if (failed_) return false;
    if (token.kind == Kind::kEnd) break;
    const size_t count = definitions_.size() - first;
    if (count == 0) token.flags &= static_cast<uint8_t>(~kWhiteBefore);
    token.flags &= static_cast<uint8_t>(~kLineBegins);
    if (token.Is('#', '#')) {
      if (count == 0 || pasted) return false;
      definitions_.back().flags |= kPasteLeft;
      pasted = true;
      continue;
    }
    pasted = false;
    uint8_t flags = 0;
    if (macro.is_function && token.Is('#')) {
      flags = static_cast<uint8_t>(kStringify | (token.flags & kWhiteBefore));
      token = Token{};
      Lex(token);
      if (token.kind != Kind::kName || token.node->parameter == 0) return false;
      token.flags = 0;
    }
    if (token.kind == Kind::kName) {
      if (token.node->builtin == kVaOpt) return false;
      if (token.node->parameter != 0) {
        token.parameter = token.node->parameter;
        token.kind = Kind::kParameter;
      } else if (token.node->builtin == kVaArgs) {
        return false;
      }
    }
    token.flags |= flags;
    if (!definitions_.Add(token)) return false;
  }
  macro.count = static_cast<uint32_t>(definitions_.size() - first);
  return !pasted;
}

// gcc says nothing of a definition that is there already (its warn_of_redefinition).
bool Preprocessor::SameMacro(const Macro& one, const Macro& other) const {
  if (one.count != other.count || one.parameters != other.parameters ||
      one.is_function != other.is_function || one.is_variadic != other.is_variadic)
    return false;
  for (uint32_t i = 0; i < one.parameters; ++i)
    if (one.parameter_names[i] != other.parameter_names[i]) return false;
  for (uint32_t i = 0; i < one.count; ++i) {
    const Token& a = one.tokens[i];
    const Token& b = other.tokens[i];
    if (a.kind != b.kind || a.flags != b.flags || a.size != b.size || memcmp(a.text, b.text, a.size) != 0)
      return false;
  }
  return true;
}

bool Preprocessor::IsSeveralStatements(const Macro& macro) const {
  int depth = 0;
  bool ends_statement = false;
  for (uint32_t i = 0; i < macro.count; ++i) {
    const Token& token = macro.tokens[i];
    if (ends_statement && !token.Is(';')) return true;
    if (token.Is('(') || token.Is('{') || token.Is('[')) ++depth;
    if (token.Is(')') || token.Is('}') || token.Is(']')) --depth;
    if (depth == 0 && token.Is(';')) ends_statement = true;
    if (token.kind == Kind::kName && token.node->macro != nullptr && token.node->macro->is_several_statements)
      return true;
  }
  return false;
}

void Preprocessor::Define() {
  Token name{};
  Lex(name);
  if (name.kind != Kind::kName || name.node->builtin != kNoBuiltin) return Fail();
  Macro* macro = macros_.AddRoom(1);
  if (macro == nullptr) return Fail();
  *macro = Macro{};
  const size_t first = parameters_.size();
  bool is_right = true;
  if (*file().at == '(') {
    ++file().at;
    macro->is_function = true;
    is_right = DefineParameters(*macro);
  }
  // gcc wants a blank there.
  const char next = *file().at;
  if (!macro->is_function && next != ' ' && next != '\t' && next != '\n' && next != '/' && next != '\\' &&
      next != '\r')
    is_right = false;
  is_right = is_right && DefineTokens(*macro);
  for (size_t i = first; i < parameters_.size(); ++i) parameters_[i]->parameter = 0;
  if (!is_right) return Fail();
  macro->is_several_statements = IsSeveralStatements(*macro);
  if (name.node->macro != nullptr) {
    if (!SameMacro(*name.node->macro, *macro)) Fail();
    return;
  }
  name.node->macro = macro;
}

void Preprocessor::Undefine() {
  Token name{};
  Lex(name);
  if (name.kind != Kind::kName || name.node->builtin != kNoBuiltin) return Fail();
  name.node->macro = nullptr;
  EndLine();
}

/// Lines of "#define".
bool Preprocessor::DefineText(const char* text, size_t size) {
  char* kept = texts_.AddRoom(size + 2);
  if (kept == nullptr) return false;
  memcpy(kept, text, size);
  kept[size] = '\n';
  kept[size + 1] = '\0';
  Source source{};
  source.bytes = kept;
  source.size = size + 1;
  Open open{};
  open.source = &source;
  open.at = open.line_start = kept;
  open.is_fresh = true;
  open.has_text = true;
  if (!open_.Add(open)) return false;
  for (Token token; !failed_;) {
    // Only directives are there.
    Lex(token);
    if (token.kind == Kind::kEnd) break;
    Fail();
  }
  open_.RemoveLast();
  return !failed_;
}

/// "DNAME", "DNAME=TEXT", "UNAME": as gcc makes lines of them.
bool Preprocessor::DefineWord(const char* word) {
  const size_t size = strlen(word);
  constexpr char kStart[] = "#define ";
  constexpr char kUndefine[] = "#undef ";
  char* text = texts_.AddRoom(size + 16);
  // NOLINTNEXTLINE(bugprone-not-null-terminated-result): of what is counted, here and below.
  if (text == nullptr || memchr(word, '\n', size) != nullptr) return false;
  const char* start = word[0] == 'D' ? kStart : kUndefine;
  size_t at = strlen(start);
  memcpy(text, start, at);  // NOLINT(bugprone-not-null-terminated-result)
  bool has_value = false;
  for (size_t i = 1; i < size; ++i) {
    const bool is_first = word[0] == 'D' && !has_value && word[i] == '=';
    has_value = has_value || is_first;
    text[at++] = is_first ? ' ' : word[i];
  }
  if (word[0] == 'D' && !has_value) {
    text[at++] = ' ';
    text[at++] = '1';
  }
  // A second definition by another -D is gcc's to tell of, as any.
  return DefineText(text, at);
}

}  // namespace kiln::cpp
