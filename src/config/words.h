#ifndef SIGNET_SRC_CONFIG_WORDS_H_
#define SIGNET_SRC_CONFIG_WORDS_H_

#include <memory>
#include <vector>

#include "src/base/source.h"

namespace signet::config {

// The words of text that is not yet expanded: `name arg "quoted arg" ${…}`. Blanks within
// braces or quotes do not end a word. A quoted word with escapes (\" and \\) gets a text
// of its own, which *texts then owns.
std::vector<SourceSpan> SplitWords(SourceSpan text,
                                   std::vector<std::unique_ptr<SourceText>>* texts);

// The items of text that is not yet expanded, apart by `separator` outside braces and
// quotes, without blanks at their ends; empty items are left out.
std::vector<SourceSpan> SplitItems(SourceSpan text, char separator);

}  // namespace signet::config
#endif
