#ifndef SIGNET_SRC_CLI_OPTION_TABLE_H_
#define SIGNET_SRC_CLI_OPTION_TABLE_H_

#include <map>
#include <string>
#include <vector>

#include "src/config/print.h"

namespace signet::cli {

// The options that are in effect: value, default, and where each is set ("default" where it is
// not). kColumns: for a terminal, within 80 columns, cut with "…"; kTabs: all of it, apart by
// tabs: scope, name, value, default, origin, meaning.
enum class TableForm : bool { kColumns, kTabs };
std::string ShowOptionTable(const std::vector<config::OptionState>& states,
                            const std::map<std::string, std::string>& origins, TableForm form);

}  // namespace signet::cli
#endif
