package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

// outcome is a record of schemas/outcome.avsc.
type outcome struct {
	OutcomeID       string     `avro:"outcome_id"`
	Kind            string     `avro:"kind"`
	Reason          string     `avro:"reason"`
	Topic           string     `avro:"topic"`
	Partition       int        `avro:"partition"`
	Offset          int64      `avro:"offset"`
	Group           *string    `avro:"group"`
	ClusterID       *string    `avro:"cluster_id"`
	TopicID         *string    `avro:"topic_id"`
	EventType       *string    `avro:"event_type"`
	EventID         *string    `avro:"event_id"`
	EventSource     *string    `avro:"event_source"`
	EventTime       *time.Time `avro:"event_time"`
	Rule            *string    `avro:"rule"`
	RulesVersion    string     `avro:"rules_version"`
	Template        *string    `avro:"template"`
	Recipient       *string    `avro:"recipient"`
	Attempts        int        `avro:"attempts"`
	HTTPStatus      *int       `avro:"http_status"`
	BodyCode        *int64     `avro:"body_code"`
	ReceivedAt      time.Time  `avro:"received_at"`
	FirstAttemptAt  *time.Time `avro:"first_attempt_at"`
	FinishedAt      time.Time  `avro:"finished_at"`
	Redelivered     bool       `avro:"redelivered"`
	Detail          string     `avro:"detail"`
	Traceparent     *string    `avro:"traceparent"`
	Redrives        int        `avro:"redrives"`
	FirstTopic      *string    `avro:"first_topic"`
	FirstPartition  *int       `avro:"first_partition"`
	FirstOffset     *int64     `avro:"first_offset"`
	Reference       *string    `avro:"reference"`
	Category        *string    `avro:"category"`
	Because         *[]because `avro:"because"`
	Into            *string    `avro:"into"`
	IntentPartition *int       `avro:"intent_partition"`
	IntentOffset    *int64     `avro:"intent_offset"`
	ScheduledFor    *time.Time `avro:"scheduled_for"`
	Item            *int       `avro:"item"`
	Once            *onceUntil `avro:"once"`
}

// What the product writes alike for every notice of the workload.
var (
	eventType    = "com.example.bench.order.paid.v1"
	rule         = "order-paid"
	template     = "order_paid"
	rulesVersion = "bench"
)

// newOutcome joins what the last mapping decided (an object of kind, reason, status and code) and the metadata.
func newOutcome(message *service.Message, decided any) (*outcome, error) {
	verdict, ok := decided.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a decision that is a %T", decided)
	}
	made := &outcome{
		EventType:    &eventType,
		Rule:         &rule,
		RulesVersion: rulesVersion,
		Template:     &template,
		Attempts:     1,
		FinishedAt:   time.Now(),
	}
	made.Kind, _ = verdict["kind"].(string)
	made.Reason, _ = verdict["reason"].(string)
	if status, known := verdict["status"].(int); known {
		made.HTTPStatus = &status
	}
	if code, known := verdict["code"].(int64); known {
		made.BodyCode = &code
	}
	return made, made.place(message)
}

// place fills in what stands in the metadata.
func (o *outcome) place(message *service.Message) error {
	var partition, received, attempted int64
	err := errors.Join(
		take(message, metaNotice, &o.OutcomeID),
		take(message, metaTopic, &o.Topic),
		take(message, metaPartition, &partition),
		take(message, metaOffset, &o.Offset),
		take(message, metaReceived, &received),
		take(message, metaAttempted, &attempted),
	)
	first := time.UnixMilli(attempted)
	o.Partition, o.ReceivedAt, o.FirstAttemptAt = int(partition), time.UnixMilli(received), &first
	return err
}

func take[Kind any](message *service.Message, name string, into *Kind) error {
	value, _ := message.MetaGetMut(name)
	found, ok := value.(Kind)
	if !ok {
		return fmt.Errorf("metadata %s is a %T", name, value)
	}
	*into = found
	return nil
}
