ALTER TABLE billing_alarm ADD KEY billing_alarm_object (kind, object);
