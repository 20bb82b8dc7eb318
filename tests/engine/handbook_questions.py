"""Questions about the example handbook: the ones it answers, with words of the sentence that does, and others."""

from __future__ import annotations

ANSWERED = {
    "How long do I have to return something?": "within 30 days after it arrived",
    "What does express delivery cost?": "12.50 euros",
    "How many days of holiday do I get?": "28 days of holiday",
    "May I bring my dog?": "Dogs are welcome in the shop but not in the workshop room",
    "Who decides about goodwill of 100 euros?": "Up to 150 euros the team lead decides",
    "When is the shop open on Saturday?": "on Saturday between 10:00 and 15:00",
    "How much is a level 2 workshop?": "190 euros",
    "How long is the warranty on brass compasses?": "10 years instead of 2",
    "How do I clean glazed tiles?": "Clean glazed tiles with water",
    "Can I work from home?": "from home on up to 2 days a week",
}

UNANSWERED = (
    "What is the capital of Australia?",
    "Do you sell bicycles?",
    "What is the CEO's name?",
    "How tall is the Eiffel Tower?",
    "Who won the world cup in 2014?",
    "Can you recommend a good restaurant in Paris?",
    "What is the shop's phone number?",
    "How many employees does the company have?",
    "Do you offer scuba diving lessons?",
    "What's the weather tomorrow?",
    "How do I reset my router?",
    "Is the moon made of cheese?",
    "Who founded the company?",
    "Which programming language is the website written in?",
)
