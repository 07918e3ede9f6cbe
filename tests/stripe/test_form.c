/* Stripe's encoding, byte for byte as the official client sends it. */
#include "lib/test.h"
#include "stripe/form.h"

#include "base/banned.h"

static struct stripe_form f;

static void gives(const char *expected)
{
    assert_true(stripe_form_ok(&f));
    assert_str(stripe_form_text(&f), expected);
    stripe_form_release(&f);
    stripe_form_init(&f);
}

static void checkout(void **state)
{
    (void)state;
    stripe_param_text(&f, "mode", "subscription");
    stripe_param_text(&f, stripe_name(&f, "line_items[%d][price]", 0), "price_a");
    stripe_param_int(&f, stripe_name(&f, "line_items[%d][quantity]", 0), 1);
    stripe_param_text(&f, stripe_name(&f, "line_items[%d][price]", 1), "price_m");
    stripe_param_text(&f, "customer", "cus_1");
    stripe_param_text(&f, "client_reference_id", "tenant_7");
    stripe_param_int(&f, "subscription_data[metadata][tenant]", 7);
    stripe_param_int(&f, "subscription_data[trial_period_days]", 14);
    stripe_param_text(&f, "success_url", "https://e.com/s?session_id={CHECKOUT_SESSION_ID}");
    stripe_param_text(&f, "cancel_url", "https://e.com/c");
    stripe_param_bool(&f, "allow_promotion_codes", true);
    gives("mode=subscription&line_items[0][price]=price_a&line_items[0][quantity]=1&line_items[1][price]=price_m&"
          "customer=cus_1"
          "&client_reference_id=tenant_7&subscription_data[metadata][tenant]=7&subscription_data[trial_period_days]=14&"
          "success_url="
          "https%3A%2F%2Fe.com%2Fs%3Fsession_id%3D%7BCHECKOUT_SESSION_ID%7D&cancel_url=https%3A%2F%2Fe.com%2Fc"
          "&allow_promotion_codes=true");
}

static void meter_event(void **state)
{
    (void)state;
    stripe_param_text(&f, "event_name", "conv");
    stripe_param_text(&f, "identifier", "c-1");
    stripe_param_int(&f, "timestamp", 1700000000);
    stripe_param_text(&f, "payload[stripe_customer_id]", "cus_1");
    stripe_param_int(&f, "payload[value]", 1);
    gives("event_name=conv&identifier=c-1&timestamp=1700000000&payload[stripe_customer_id]=cus_1&payload[value]=1");
}

static void plan_change(void **state)
{
    (void)state;
    stripe_param_text(&f, "items[0][id]", "si_1");
    stripe_param_text(&f, "items[0][price]", "price_b");
    stripe_param_text(&f, "proration_behavior", "always_invoice");
    stripe_param_text(&f, "payment_behavior", "pending_if_incomplete");
    stripe_param_unset(&f, "metadata[a]");
    gives("items[0][id]=si_1&items[0][price]=price_b&proration_behavior=always_invoice&payment_behavior=pending_if_"
          "incomplete"
          "&metadata[a]=");
}

static void portal(void **state)
{
    (void)state;
    stripe_param_text(&f, "customer", "cus_1");
    stripe_param_text(&f, "return_url", "https://e.com/b");
    stripe_param_text(&f, "flow_data[type]", "subscription_cancel");
    stripe_param_text(&f, "flow_data[subscription_cancel][subscription]", "sub_1");
    gives("customer=cus_1&return_url=https%3A%2F%2Fe.com%2Fb&flow_data[type]=subscription_cancel"
          "&flow_data[subscription_cancel][subscription]=sub_1");
}

static void preview(void **state)
{
    (void)state;
    stripe_param_text(&f, "customer", "cus_1");
    stripe_param_text(&f, "subscription", "sub_1");
    stripe_param_text(&f, "subscription_details[items][0][id]", "si_1");
    stripe_param_text(&f, "subscription_details[items][0][price]", "price_b");
    stripe_param_int(&f, "subscription_details[proration_date]", 1700000000);
    gives("customer=cus_1&subscription=sub_1&subscription_details[items][0][id]=si_1&subscription_details[items][0]["
          "price]=price_b"
          "&subscription_details[proration_date]=1700000000");
}

static void queries(void **state)
{
    (void)state;
    stripe_param_text(&f, "lookup_keys[0]", "starter_v1");
    stripe_param_text(&f, "lookup_keys[1]", "pro_v1");
    stripe_param_bool(&f, "active", true);
    stripe_param_text(&f, "expand[0]", "data.product");
    gives("lookup_keys[0]=starter_v1&lookup_keys[1]=pro_v1&active=true&expand[0]=data.product");
    stripe_param_text(&f, "customer", "cus_1");
    stripe_param_text(&f, "status", "all");
    stripe_param_int(&f, "limit", 100);
    stripe_param_text(&f, "starting_after", "sub_0");
    gives("customer=cus_1&status=all&limit=100&starting_after=sub_0");
    stripe_param_text(&f, "types[0]", "invoice.paid");
    stripe_param_text(&f, "types[1]", "customer.subscription.updated");
    stripe_param_int(&f, "created[gte]", 1700000000);
    stripe_param_int(&f, "limit", 100);
    gives("types[0]=invoice.paid&types[1]=customer.subscription.updated&created[gte]=1700000000&limit=100");
}

static void every_byte_of_a_value(void **state)
{
    (void)state;
    stripe_param_text(&f, "a", "!*()'");
    gives("a=%21%2A%28%29%27");
    stripe_param_text(&f, "a", "-_.~ +&=%#/?:@$,;[]{}<>\"\\^`|\n");
    gives("a=-_.~%20%2B%26%3D%25%23%2F%3F%3A%40%24%2C%3B%5B%5D%7B%7D%3C%3E%22%5C%5E%60%7C%0A");
    stripe_param_text(&f, "name", "Zoë & Söhne 日本");
    gives("name=Zo%C3%AB%20%26%20S%C3%B6hne%20%E6%97%A5%E6%9C%AC");
    stripe_param_str(&f, "a", (struct str){"x\0y", 3});
    gives("a=x%00y");
    stripe_param_text(&f, "a", NULL);
    stripe_param_text(&f, "b", "");
    stripe_param_bool(&f, "c", false);
    gives("a=&b=&c=false");
    stripe_param_int(&f, "a", INT64_MIN);
    stripe_param_int(&f, "b", INT64_MAX);
    gives("a=-9223372036854775808&b=9223372036854775807");
    gives("");
}

static void too_large_a_form_is_refused(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 70; i++)
        stripe_param_str(&f, "a", str_n(text, sizeof(text)));
    stripe_param_int(&f, "b", 1);
    assert_false(stripe_form_ok(&f));
    stripe_form_release(&f);
    stripe_form_init(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checkout), TEST(meter_event), TEST(plan_change),           TEST(portal),
        TEST(preview),  TEST(queries),     TEST(every_byte_of_a_value), TEST(too_large_a_form_is_refused)};
    stripe_form_init(&f);
    int failed = RUN(tests);
    stripe_form_release(&f);
    return failed;
}
