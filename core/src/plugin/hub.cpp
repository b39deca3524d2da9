#include "idle_workers.hpp"
#include "moving/store_switch.hpp"
#include "plugin/checked_backend.hpp"
#include "plugin/errors.hpp"

#include <perdure/hub.hpp>

#include <utility>

namespace perdure {
inline namespace v1 {

namespace {

// Where a hub has moved. It was created there.
moving::opened_store open_store(const std::string& uri) {
    const backend_config config = parse_uri(uri);
    backend_config rest = config;
    rest.options.erase("create");
    return {
        std::make_shared<plugin::checked_backend>(load_plugin_by_name(config.backend).create(rest)),
        describe(config)};
}

}  // namespace

hub::hub(std::shared_ptr<backend> store, std::string description)
    : hub(std::make_shared<moving::store_switch>(
          std::make_shared<plugin::checked_backend>(std::move(store)),
          std::move(description),
          moving::store_opener())) {}

hub::hub(std::shared_ptr<moving::store_switch> store)
    : idle_(std::make_shared<detail::idle_workers>()), store_(std::move(store)) {}

namespace detail {

/// One that follows where other processes move it.
struct opened_hub {
    static hub of(std::shared_ptr<backend> store, const std::string& description) {
        return hub(std::make_shared<moving::store_switch>(
            std::make_shared<plugin::checked_backend>(std::move(store)), description, open_store));
    }
};

}  // namespace detail

backend& hub::store() const noexcept {
    return *store_;
}

const std::string& hub::description() const noexcept {
    return store_->description();
}

promotion hub::promote(std::string_view uri, detail::same_library) const {
    return promote(open(uri));
}

promotion hub::promote(const hub& to) const {
    return store_->promote(to.store_, to.description());
}

hub open(const backend_config& config, detail::same_library) {
    option_reader options(config);
    const bool create = options.choice("create", {"if_missing", "never"}, "if_missing") != "never";
    const std::string description = describe(config);
    const plugin_descriptor& found = load_plugin_by_name(config.backend);
    backend_config rest = config;
    rest.options.erase("create");
    try {
        const hub opened = detail::opened_hub::of(found.create(rest), description);
        if (create) {
            opened.store().create_hub();
        }
        return opened;
    } catch (backend_error& wrong) {
        wrong.add_context("opening " + description);
        throw;
    } catch (const std::exception& foreign) {
        // The plugin's edge: nothing but a backend_error may leave it.
        throw backend_error(store_fault::configuration,
                            std::string("the plugin threw what it must not: ") + foreign.what() +
                                ", in: opening " + description);
    }
}

hub open(std::string_view uri, detail::same_library) {
    return open(parse_uri(uri));
}

hub open_config(const std::string& file, detail::same_library) {
    return open(read_config(file));
}

}  // namespace v1
}  // namespace perdure
