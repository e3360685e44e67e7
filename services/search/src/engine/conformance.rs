//! What every engine must do, whatever it is made of: one case for each rule.

mod facets;
mod fixture;
mod lifecycle;
mod model;
mod order;
mod paging;
mod prices;
mod random;
mod scripts;
mod signs;
mod stock;
mod text;
mod variants;

use super::Engine;

/// Opens the case's own index: empty the first time, then as it was left.
type Open<'a> = dyn Fn() -> Box<dyn Engine> + 'a;

type Case = fn(&Open);

const CASES: &[(&str, Case)] = &[
    ("facets: a facet ignores its own filter", facets::a_facet_ignores_its_own_filter),
    ("facets: a product counts once per value", facets::a_product_counts_once),
    ("facets: selected values are returned even at 0", facets::selected_values_are_always_returned),
    ("facets: a size and the count of the others", facets::a_size_and_the_others),
    ("facets: codes and kinds are kept apart", facets::codes_and_kinds_are_kept_apart),
    ("facets: values in their own order", facets::values_in_their_own_order),
    ("facets: brands by id under their latest name", facets::brands_go_by_id),
    ("facets: categories with their ancestors", facets::categories_with_their_ancestors),
    ("facets: prices in ranges", facets::prices_in_ranges),
    ("variants: attributes bind to one variant", variants::attributes_bind_to_one),
    ("variants: price and attribute bind to one variant", variants::price_and_attribute_bind),
    ("variants: more than fit a machine word", variants::very_many),
    ("variants: products without any", variants::none_at_all),
    ("variants: ranges of numbers and days", variants::ranges),
    ("variants: ranges of amounts in one currency", variants::ranges_of_amounts),
    ("variants: values are compared whole", variants::values_are_compared_whole),
    ("prices: the selection examples of the rules", prices::the_selection_examples),
    ("prices: a window's edge needs no reindex", prices::an_edge_needs_no_reindex),
    ("prices: a warehouse's own prices", prices::a_warehouse_has_its_own),
    ("prices: products without one", prices::products_without_one),
    ("prices: the instant of pricing does not show", prices::the_instant_of_pricing),
    ("prices: rows for customers do not show", prices::rows_for_customers),
    ("order: by price", order::by_price),
    ("order: by the cheapest matching variant", order::by_the_cheapest_matching_variant),
    ("order: newest first", order::newest_first),
    ("order: ties by product id", order::ties_by_product_id),
    ("stock: a filter binds to one variant", stock::a_filter_binds_to_one_variant),
    ("stock: of one warehouse", stock::of_one_warehouse),
    ("stock: a facet", stock::a_facet),
    ("stock: what is sold out comes last", stock::sold_out_comes_last),
    ("stock: but before a broader match", stock::sold_out_comes_before_a_broader_match),
    ("stock: pages go on behind what is sold out", stock::pages_go_on_behind_the_last),
    ("paging: pages add up to the total", paging::pages_add_up),
    ("paging: changes between pages", paging::changes_between_pages),
    ("paging: prices as of the first page", paging::prices_as_of_the_first_page),
    ("paging: a state outlives its index", paging::a_state_outlives_its_index),
    ("paging: an unknown state is refused", paging::an_unknown_state_is_refused),
    ("paging: only scores have a last page", paging::only_scores_have_a_last_page),
    ("paging: limits are refused", paging::limits_are_refused),
    ("text: words in any form", text::words_in_any_form),
    ("text: all words, else at least half of them", text::all_words_or_half),
    ("text: signs inside words do not decide", signs::inside_words),
    ("text: signs that make a word", signs::that_make_a_word),
    ("text: numbers", signs::in_numbers),
    ("text: one form of each letter", scripts::one_form_of_each_letter),
    ("text: scripts without blanks", scripts::without_blanks),
    ("text: markup is not searched", text::markup_is_not_searched),
    ("text: beginnings come below whole words", text::beginnings),
    ("text: the words that name a product are the strongest", text::strengths),
    ("text: title, brand, SKU, attributes and description", text::all_parts_are_searched),
    ("text: a blank query matches all", text::a_blank_query_matches_all),
    ("text: a better match comes first", text::a_better_match_comes_first),
    ("text: an exact SKU is one result", text::an_exact_sku_is_one_result),
    ("lifecycle: replace and remove", lifecycle::replace_and_remove),
    ("lifecycle: reopening goes on from the checkpoint", lifecycle::reopening),
    ("lifecycle: a batch shows at once", lifecycle::a_batch_shows_at_once),
    ("lifecycle: a rebuild shows when swapped", lifecycle::a_rebuild_shows_when_swapped),
    ("lifecycle: a swap never shows partial data", lifecycle::a_swap_is_atomic),
    ("lifecycle: a rebuild that is behind is refused", lifecycle::a_rebuild_behind_is_refused),
    ("lifecycle: a rebuild given up leaves no trace", lifecycle::a_rebuild_given_up),
    ("random: as the model answers", random::as_the_model_answers),
];

/// Runs all cases, each on an index of its own name, and names the one that fails.
pub fn suite(open: impl Fn(&str) -> Box<dyn Engine>) {
    for (number, (name, case)) in CASES.iter().enumerate() {
        println!("{name}");
        case(&|| open(&format!("case{number}")));
    }
}
