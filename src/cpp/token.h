#pragma once

#include <stdint.h>

namespace kiln::cpp {

/// What a preprocessing token is (C11 6.4), as far as the preprocessor tells them apart.
enum class Kind : uint8_t {
  kEnd,         ///< Of the line of a directive, of an argument, of everything.
  kPadding,     ///< Between what macros come to: nothing, or a blank.
  kName,        //
  kNumber,      //
  kQuoted,      ///< A string or a character, with its prefix.
  kPunctuator,  ///< And any other character.
  kParameter,   ///< In the replacement of a macro.
};

enum Flag : uint8_t {
  kWhiteBefore = 1,
  kPasteLeft = 2,    ///< "##" follows.
  kStringify = 4,    ///< "#" stands before: of a parameter.
  kNoExpand = 8,     ///< It was met within its own macro.
  kLineBegins = 16,  ///< It is the first of its line in a file.
  kHasSource = 32,   ///< Padding that stands for a token; kWhiteBefore is that token's.
};

struct Macro;

/// An identifier.
struct Node {
  const char* text;
  uint32_t size;
  uint32_t hash;
  Macro* macro;        ///< nullptr: none.
  bool disabled;       ///< Its replacement is being read.
  uint16_t parameter;  ///< Its number from 1, while the macro is defined whose parameter it is.
  uint8_t directive;   ///< A Directive.
  uint8_t builtin;     ///< A Builtin.
  uint8_t statement;   ///< A Statement.
};

struct Token {
  const char* text;
  Node* node;  ///< Of a name.
  uint32_t size;
  uint32_t line;
  uint32_t column;  ///< Bytes before it on its line, when kLineBegins.
  Kind kind;
  uint8_t flags;
  uint16_t parameter;  ///< From 1.

  bool Is(char c) const { return kind == Kind::kPunctuator && size == 1 && text[0] == c; }
  bool IsEllipsis() const { return kind == Kind::kPunctuator && size == 3 && text[0] == '.'; }
  bool Is(char c, char d) const {
    return kind == Kind::kPunctuator && size == 2 && text[0] == c && text[1] == d;
  }
};

/// A definition.
struct Macro {
  const Token* tokens;
  uint32_t count;
  uint16_t parameters;
  bool is_function;            ///< "(" must follow.
  bool is_variadic;            ///< The last parameter takes all the rest.
  bool is_several_statements;  ///< ";" stands in its midst, outside of all brackets; or another such macro.
  Node* const* parameter_names;
};

}  // namespace kiln::cpp
