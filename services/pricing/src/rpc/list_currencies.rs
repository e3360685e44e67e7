//! Lists currencies.

use crate::App;
use fault::Fault;
use kernel::currency::Currency;
use pricing_api::v1::{CurrencyInfo, ListCurrenciesRequest, ListCurrenciesResponse};

/// A page of the currencies that amounts may be in, by code.
pub async fn list_currencies(
    app: &App,
    request: ListCurrenciesRequest,
) -> Result<ListCurrenciesResponse, Fault> {
    let page = app.paging.page(&request)?;
    let after = page.after_text()?;
    let later =
        Currency::all().filter(|currency| after.is_none_or(|after| currency.code() > after));
    let info = |currency: &Currency| CurrencyInfo {
        code: currency.code().to_owned(),
        minor_digits: currency.minor_digits().into(),
    };
    let (currencies, next_page_token) =
        page.items(later.take(page.size() + 1).collect(), info, |currency| currency.code());
    Ok(ListCurrenciesResponse { currencies, next_page_token })
}
