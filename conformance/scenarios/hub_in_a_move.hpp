#pragma once

#include "fixture.hpp"

#include <perdure/hub_role.hpp>
#include <perdure/instance_image.hpp>
#include <perdure/kit/forwarding_backend.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

// What the scenarios of live moves share. Two handles of one hub see it as two processes do, except
// for what other processes have prepared.

namespace perdure::conformance {

inline const std::string why = "it moves to \"elsewhere\"";

using ids = std::set<instance_id>;

class hub_in_a_move {
  public:
    /// False where the backend cannot do that; the test is skipped then, and returns.
    [[nodiscard]] bool is_possible() {
        if (lacks(ability::roles)) {
            return false;
        }
        config_ = a_hub_config();
        here_.emplace(open_hub(config_));
        there_.emplace(open_hub(config_));
        return true;
    }
    [[nodiscard]] fixture& here() { return *here_; }
    /// The same hub by another handle.
    [[nodiscard]] fixture& there() { return *there_; }
    [[nodiscard]] const backend_config& config() const { return config_; }

    static role_store& roles(fixture& by) { return *interface_of<role_store>(by.store); }
    static image_store& images(fixture& by) { return *interface_of<image_store>(by.store); }
    role_store& roles() { return roles(here()); }

    [[nodiscard]] hub_role a_role(move_role role, const std::string& reason = {}) const {
        return {.role = role, .move = move_, .other = "other:place", .reason = reason};
    }
    /// Again and again while calls are under way: a machine may be slow.
    template <class Call>
    static auto patiently(Call call) {
        const auto deadline = in(patience);
        while (true) {
            try {
                return call();
            } catch (const backend_error& failed) {
                if (failed.code() != store_fault::unavailable ||
                    std::chrono::steady_clock::now() >= deadline) {
                    throw;
                }
            }
        }
    }
    void change(fixture& by, const hub_role& next) {
        const std::uint64_t era = roles(by).role().era;
        REQUIRE(patiently([&] { return roles(by).change_role(era, next); }));
    }
    void set_closed(const std::string& reason) {
        patiently([&] { images(here()).set_closed(reason); });
    }
    void track() { change(here(), a_role(move_role::tracked)); }
    void close() { change(here(), a_role(move_role::closing, why)); }

    [[nodiscard]] std::vector<instance_change> noted() { return roles().changes(1'000); }
    void forget_all() { roles().forget_changes(noted()); }
    [[nodiscard]] ids noted_ids() {
        ids seen;
        for (const instance_change& change : noted()) {
            seen.insert(change.instance);
        }
        return seen;
    }

    /// The images of all instances.
    [[nodiscard]] std::map<instance_id, instance_image> everything() {
        std::map<instance_id, instance_image> all;
        std::string after;
        do {
            auto page = images(here()).read_images(after, 1'000, batch_bytes_max);
            for (instance_image& image : page.images) {
                const instance_id id = image.record.instance;
                all.emplace(id, std::move(image));
            }
            after = page.next;
        } while (!after.empty());
        return all;
    }

    /// Every instance whose image this call changes must be noted, and it must change one.
    void must_be_noted(const std::string& what, const std::function<void(fixture&)>& call) {
        INFO(what);
        forget_all();
        const auto before = everything();
        call(there());
        const auto after = everything();
        ids changed;
        for (const auto& [id, image] : before) {
            const auto now = after.find(id);
            if (now == after.end() || now->second != image) {
                changed.insert(id);
            }
        }
        for (const auto& [id, image] : after) {
            if (!before.contains(id)) {
                changed.insert(id);
            }
        }
        CHECK_FALSE(changed.empty());
        const ids seen = noted_ids();
        CHECK(std::includes(seen.begin(), seen.end(), changed.begin(), changed.end()));
    }

  private:
    uuid move_{7, 8};
    backend_config config_;
    std::optional<fixture> here_;
    std::optional<fixture> there_;
};

inline bool is_refused(const std::function<void()>& call,
                       store_fault fault,
                       const std::string& text = {}) {
    try {
        call();
        return false;
    } catch (const backend_error& failed) {
        return failed.code() == fault && std::string(failed.what()).find(text) != std::string::npos;
    }
}

}  // namespace perdure::conformance
