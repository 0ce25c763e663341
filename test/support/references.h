#ifndef SIGNET_TEST_SUPPORT_REFERENCES_H_
#define SIGNET_TEST_SUPPORT_REFERENCES_H_

#include <string>
#include <vector>

// References that replies and log lines name: "K7Q2-9FXMT".
namespace signet::test {

// All that replies in a text have told, in order: " (reference K7Q2-9FXMT)".
std::vector<std::string> ReferencesIn(const std::string& text);
// All that log lines have, in order: " REF=K7Q2-9FXMT" at a line's end.
std::vector<std::string> LoggedReferencesIn(const std::string& log);
// The text without those of replies, which differ each time.
std::string WithoutReferences(const std::string& text);

}  // namespace signet::test
#endif
