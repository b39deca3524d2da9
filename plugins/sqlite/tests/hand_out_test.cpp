#include "hub_file.hpp"
#include "kit/client_hand_out.hpp"

#include <catch2/catch.hpp>

namespace perdure::sqlite_test {

TEST_CASE("what clients create and send is handed out with the call", "[HANDOFF-3]") {
    const scratch_directory folder;
    sqlite::sqlite_backend store{settings_for(folder / "hub.db")};
    store.create_hub();

    testing::client_hand_out(store).check();
}

}  // namespace perdure::sqlite_test
