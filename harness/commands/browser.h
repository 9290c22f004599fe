// The user's browser, for --open.
#pragma once

#include <string>

namespace attnbench {

/// Opens a page in the browser: $BROWSER if set, else the desktop's own (xdg-open). Without either, or when it cannot be started,
/// one line on standard error says where the page is.
void open_in_browser(const std::string& page);

}  // namespace attnbench
