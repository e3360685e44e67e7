//! Rules for the sale of a SKU (IN-09).

use chrono::{DateTime, Utc};
use fault::Fault;
use kernel::sku::Sku;
use warehouse_api::v1::Reason;

/// Rules of a SKU; 0 means that there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Threshold of its levels, before categories and warehouses.
    pub low_stock_threshold: Option<i64>,
    /// Least that may be bought at once.
    pub minimum: i64,
    /// Most that may be bought at once.
    pub maximum: i64,
    /// Step in which it is bought.
    pub step: i64,
    /// How long a cart holds it.
    pub hold_seconds: i32,
    /// When they were last set.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Rules {
    /// Refuses a quantity that may not be bought at once.
    pub fn require(&self, sku: &Sku, quantity: i64, path: &str) -> Result<(), Fault> {
        let refuse =
            |reason, message: String| Err(Fault::field(reason, path, message).with("sku", sku));
        if quantity < self.minimum {
            let minimum = self.minimum;
            let message = format!("{sku} is sold from {minimum} on, not {quantity}");
            return refuse(Reason::QuantityBelowLimit, message)
                .map_err(|fault: Fault| fault.with("minimum", minimum));
        }
        if self.maximum > 0 && quantity > self.maximum {
            let maximum = self.maximum;
            let message = format!("at most {maximum} of {sku} are sold at once, not {quantity}");
            return refuse(Reason::QuantityAboveLimit, message)
                .map_err(|fault: Fault| fault.with("maximum", maximum));
        }
        if self.step > 1 && quantity % self.step != 0 {
            let step = self.step;
            let message = format!("{sku} is sold in steps of {step}, not {quantity}");
            return refuse(Reason::QuantityOffStep, message)
                .map_err(|fault: Fault| fault.with("step", step));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::sku;

    #[test]
    fn limits_are_inclusive_and_say_what_they_are() {
        let rules = Rules { minimum: 2, maximum: 12, step: 2, ..Rules::default() };
        let check = |quantity| rules.require(&sku("A"), quantity, "lines[0].quantity");
        for fine in [2, 4, 12] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for (quantity, reason, name, limit) in [
            (1, Reason::QuantityBelowLimit, "minimum", "2"),
            (13, Reason::QuantityAboveLimit, "maximum", "12"),
            (3, Reason::QuantityOffStep, "step", "2"),
        ] {
            let fault = check(quantity).unwrap_err();
            assert!(fault.is(reason), "{fault}");
            assert_eq!(fault.metadata()[name], limit);
            assert_eq!(fault.violations()[0].field, "lines[0].quantity");
        }
        assert!(Rules::default().require(&sku("A"), 7, "").is_ok());
    }
}
